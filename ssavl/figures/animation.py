"""Frames as a GIF."""

from __future__ import annotations

from collections.abc import Sequence

import imageio.v3 as iio
from torch import Tensor

from ssavl.figures.grid import mosaic

FRAMES_PER_SECOND = 12


def animation(frames: Sequence[Tensor]) -> bytes:
    """A GIF that loops for ever, of frames ``(R, N, C, H, W)`` in [0, 1] each:
    R rows of N images side by side.
    """
    pictures = [mosaic(frame) for frame in frames]
    return iio.imwrite(
        "<bytes>", pictures, extension=".gif", duration=1000 / FRAMES_PER_SECOND, loop=0
    )
