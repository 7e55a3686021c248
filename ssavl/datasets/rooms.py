"""``rooms``: a room with one object, in colour, of six known factors, rendered on demand.

After the published description of 3D Shapes (Burgess and Kim 2018): 10 hues each of floor, wall and
object, 8 sizes, 4 shapes, 15 orientations, 480,000 images of 64 x 64 in three channels, the last
factor fastest. It stands in for 3D Shapes, and wherever else colour, shape and viewpoint are needed
and nothing can be downloaded. It is not 3D Shapes: camera, lamp, surfaces and sizes are ours, and
so no score on it is one on 3D Shapes.
"""

from __future__ import annotations

import colorsys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssavl.datasets.drawn import drawn
from ssavl.datasets.factors import Factor, FactorGrid, FactorImages, Integers
from ssavl.datasets.resized import fitted
from ssavl.datasets.room_scene import SHAPES, SIDE, masks
from ssavl.datasets.source import Source
from ssavl.errors import UserError
from ssavl.images.array import Images
from ssavl.params.stages import PrepareDataParams

HUES = tuple(np.linspace(0, 0.9, 10).tolist())
FACTORS = (
    Factor("floor_hue", HUES),
    Factor("wall_hue", HUES),
    Factor("object_hue", HUES),
    Factor("scale", tuple(np.linspace(0.75, 1.25, 8).tolist())),
    Factor("shape", tuple(SHAPES)),
    Factor("orientation", tuple(np.linspace(-30, 30, 15).tolist())),
)
SATURATION, VALUE = 0.85, 1.0
COLOURS = np.array([colorsys.hsv_to_rgb(hue, SATURATION, VALUE) for hue in HUES], np.float32)
AT_ONCE = 100  # images whose masks are in memory together


class Rooms(FactorGrid):
    """The data set. What the camera sees of each of 480 scenes is cast once, when it is first asked
    for, some milliseconds each; a picture is then three masks times three colours.
    """

    name = "rooms"
    factors = FACTORS
    image_shape = (3, SIDE, SIDE)

    def __init__(self) -> None:
        scenes = [factor.size for factor in FACTORS[3:]]
        self._masks = np.zeros((*scenes, 3, SIDE * SIDE), np.float32)
        self._cast = np.zeros(scenes, bool)

    def take(self, index: Integers) -> Images:
        images = np.empty((len(index), *self.image_shape), np.uint8)
        for start in range(0, len(index), AT_ONCE):
            part = index[start : start + AT_ONCE]
            images[start : start + len(part)] = self._rendered(self.classes(part))
        return images

    def _rendered(self, classes: Integers) -> NDArray[np.uint8]:
        scenes = tuple(classes[:, 3:].T)
        for scene in np.unique(classes[:, 3:][~self._cast[scenes]], axis=0):
            scale, shape, orientation = (
                factor.values[own] for factor, own in zip(FACTORS[3:], scene, strict=True)
            )
            place = tuple(scene)
            self._masks[place] = masks(str(shape), float(scale), float(orientation)).reshape(3, -1)
            self._cast[place] = True
        colours = 255 * COLOURS[classes[:, :3]]  # (n, region, channel)
        pixels = colours.transpose(0, 2, 1) @ self._masks[scenes]
        pixels += 0.5
        return pixels.astype(np.uint8).reshape(-1, *self.image_shape)


def factor_images(root: Path | None, image_shape: tuple[int, int, int]) -> FactorImages:
    """The rendered images, fitted to a shape.

    Raises:
        UserError: a root: there are no files to read.
    """
    if root is not None:
        raise UserError(f"rooms is rendered, there are no files of it to read in {root}")
    return fitted(Rooms(), image_shape)


def source(root: Path | None, params: PrepareDataParams, seed: int) -> Source:
    """Images to train on, shuffled by ``seed``; the class of an image is its shape.

    Raises:
        UserError: a root, or a limit beyond the data.
    """
    images = factor_images(root, params.image_shape(SIDE, 3))
    return drawn(images, params, seed, "shape", tuple(SHAPES))
