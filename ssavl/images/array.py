"""What images are in memory, before a network sees them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]  # (C, H, W) each, or (N, C, H, W)
