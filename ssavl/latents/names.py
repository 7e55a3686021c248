"""Names: of blocks and models, of what a block is for, and of its prior."""

from __future__ import annotations

import re
from typing import Literal

Role = Literal["noise", "code", "category"]
Prior = Literal["normal", "uniform", "truncated-normal", "sphere", "categorical"]

# Names become parts of file names, of columns and of module names: a closed alphabet keeps them
# there.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
