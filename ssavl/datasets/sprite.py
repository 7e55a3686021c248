r"""The sprites of dSprites: analytic shapes, scaled, turned and rasterised to one bit.

A shape is a set of points around the origin, in pixels at scale 1, x to the right and y down:

- square: :math:`\max(|x|, |y|) \le 17/2`, area 289;
- ellipse: :math:`(x/13.5)^2 + (y/7)^2 \le 1`, area :math:`94.5 \pi`;
- heart: a square of side s = 12.9 on its corner with half a disc on each of its upper sides, around
  their common centroid; area :math:`s^2 (1 + \pi/4)`.

A pixel is set when at least half of ``SUBPIXELS``:sup:`2` points of it lie in the shape.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bits = NDArray[np.bool_]

SIDE = 33  # of the window that holds a sprite
SUBPIXELS = 8
# Of a sprite, right and down from the middle of its window. In the middle, symmetry would hide
# turns: the smallest square would show 12 orientations of the 39 that differ; here it shows 35, and
# every other sprite 38 or 39.
CENTRE = (0.13, 0.29)

SQUARE_HALF = 8.5
ELLIPSE_AXES = (13.5, 7.0)
HEART_SIDE = 12.9
# Centroid of the heart above the square's centre: that of the two half-discs, (sqrt(2)/4 +
# sqrt(2)/(3 pi)) s, weighted.
HEART_RISE = (
    HEART_SIDE
    * (math.sqrt(2) / 4 + math.sqrt(2) / (3 * math.pi))
    * (math.pi / 4)
    / (1 + math.pi / 4)
)


def square(x: Floats, y: Floats) -> Bits:
    """Which points lie in the square."""
    return np.maximum(np.abs(x), np.abs(y)) <= SQUARE_HALF


def ellipse(x: Floats, y: Floats) -> Bits:
    """Which points lie in the ellipse."""
    return (x / ELLIPSE_AXES[0]) ** 2 + (y / ELLIPSE_AXES[1]) ** 2 <= 1


def heart(x: Floats, y: Floats) -> Bits:
    """Which points lie in the heart; its tip points down."""
    x, up = np.abs(x), HEART_RISE - y  # the square's centre at the origin
    in_square = x + np.abs(up) <= HEART_SIDE / math.sqrt(2)
    middle = HEART_SIDE * math.sqrt(2) / 4  # of the upper right side, in both coordinates
    # The other half of the disc lies in the square.
    return in_square | ((x - middle) ** 2 + (up - middle) ** 2 <= (HEART_SIDE / 2) ** 2)


SHAPES: dict[str, Callable[[Floats, Floats], Bits]] = {
    "square": square,
    "ellipse": ellipse,
    "heart": heart,
}
AREAS = {
    "square": (2 * SQUARE_HALF) ** 2,
    "ellipse": math.pi * ELLIPSE_AXES[0] * ELLIPSE_AXES[1],
    "heart": HEART_SIDE**2 * (1 + math.pi / 4),
}  # in pixels, at scale 1


def rasterise(shape: str, scale: float, orientations: Floats) -> Bits:
    """A shape at each orientation in radians, clockwise:
    ``(n, SIDE, SIDE)``, its origin at ``CENTRE``.
    """
    points = (np.arange(SIDE * SUBPIXELS) + 0.5) / SUBPIXELS - SIDE / 2
    x, y = (points[None, None, :] - CENTRE[0]) / scale, (points[None, :, None] - CENTRE[1]) / scale
    cos, sin = np.cos(orientations)[:, None, None], np.sin(orientations)[:, None, None]
    inside = SHAPES[shape](cos * x + sin * y, cos * y - sin * x)
    cells = inside.reshape(len(orientations), SIDE, SUBPIXELS, SIDE, SUBPIXELS)
    return 2 * cells.sum(axis=(2, 4)) >= SUBPIXELS**2
