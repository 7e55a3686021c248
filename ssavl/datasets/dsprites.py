"""dSprites (Matthey et al. 2017), generated from its published factors or read from the official
file.

Colour (1), shape (square, ellipse, heart), scale (6, 0.5 to 1), orientation (40), x and y
(32 each): 737,280 binary images of 64 x 64, one of every combination, in the official order. As in
the official file orientations are ``linspace(0, 2 pi, 40)``, so that the first and the last
coincide; the other steps are no fraction of a quarter turn, so that the square shows 39 of them.

The official sizes of the sprites are not published. Ours are chosen so that no sprite is clipped
and the mean over all images is the official 0.0425; the centre moves from pixel 16 to pixel 47 in
steps of one, as x and y go from 0 to 1.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from ssavl.datasets.drawn import drawn
from ssavl.datasets.factors import Factor, FactorGrid, FactorImages, Integers
from ssavl.datasets.resized import fitted
from ssavl.datasets.source import Source
from ssavl.datasets.sprite import SHAPES, SIDE, Bits, rasterise
from ssavl.errors import UserError
from ssavl.images.array import Images
from ssavl.params.stages import PrepareDataParams
from ssavl.storage.arrays import NUMBERS, WHOLE, read_arrays, unpack

SIZE = 64
OFFICIAL = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
NAMES = ("color", "shape", "scale", "orientation", "posX", "posY")
FACTORS = (
    Factor("color", (1.0,)),
    Factor("shape", (1.0, 2.0, 3.0)),
    Factor("scale", tuple(np.linspace(0.5, 1, 6).tolist())),
    Factor("orientation", tuple(np.linspace(0, 2 * np.pi, 40).tolist())),
    Factor("posX", tuple(np.linspace(0, 1, 32).tolist())),
    Factor("posY", tuple(np.linspace(0, 1, 32).tolist())),
)
AGAIN = "it is no dSprites archive, or cut short: fetch it again"


@cache
def sprites() -> Bits:
    """Every sprite in its window, ``(3, 6, 40, SIDE, SIDE)``:
    an image is one of them, moved by whole pixels.
    """
    _, _, scale, orientation, _, _ = FACTORS
    angles = np.array(orientation.values, dtype=np.float64)
    return np.stack(
        [np.stack([rasterise(shape, float(k), angles) for k in scale.values]) for shape in SHAPES]
    )


class DSprites(FactorGrid):
    """The data set, rendered on demand; orientations turn clockwise,
    x grows to the right and y downwards.
    """

    name = "dsprites"
    factors = FACTORS
    image_shape = (1, SIZE, SIZE)

    def take(self, index: Integers) -> Images:
        _, shape, scale, orientation, x, y = self.classes(index).T
        images = np.zeros((len(index), 1, SIZE, SIZE), np.uint8)
        windows = np.lib.stride_tricks.sliding_window_view(
            images[:, 0], (SIDE, SIDE), axis=(1, 2), writeable=True
        )
        windows[np.arange(len(index)), y, x] = sprites()[shape, scale, orientation] * np.uint8(255)
        return images


class OfficialDSprites(FactorGrid):
    """The official ``.npz``: ``imgs``, ``latents_values``, ``latents_classes``;
    ``metadata`` is a pickle, and not read.

    ``imgs`` is unpacked to a temporary file, 3 GB, and memory-mapped, so that memory stays flat.

    Args:
        path: the file, or the folder that holds it under its official name.

    Raises:
        UserError: no such file, a file that is cut or no dSprites.
    """

    name = "dsprites-official"

    def __init__(self, path: Path) -> None:
        path = path / OFFICIAL if path.is_dir() else path
        if not path.is_file():
            raise UserError(
                f"{path} does not exist: name the official {OFFICIAL}, "
                "or leave the root out to render it"
            )
        arrays = read_arrays(path, {"latents_classes": WHOLE, "latents_values": NUMBERS}, AGAIN)
        if len(arrays) != 2:
            raise UserError(
                f"{path} is no dSprites archive, which has latents_classes and latents_values: "
                f"{AGAIN}"
            )
        values, classes = arrays["latents_values"], arrays["latents_classes"]
        if (
            classes.ndim != 2
            or classes.shape[1] != len(NAMES)
            or values.shape != classes.shape
            or not len(classes)
            or not np.isfinite(values).all()
        ):
            raise UserError(
                f"{path}: latents_classes {classes.shape} and latents_values {values.shape} do not "
                "fit"
            )
        factors = []
        for name, column, column_values in zip(NAMES, classes.T, values.T, strict=True):
            _, first_places = np.unique(column, return_index=True)  # of each class, in order
            factors.append(Factor(name, tuple(column_values[first_places].tolist())))
        self.factors = tuple(factors)
        if len(self) != len(classes) or not np.array_equal(
            self.classes(np.arange(len(classes))), classes
        ):
            raise UserError(
                f"{path}: the images are not one of every combination of factors, "
                "the last one fastest"
            )
        with tempfile.TemporaryFile() as unpacked:  # nameless: it vanishes with the map
            self._images = unpack(path, "imgs", unpacked, (len(classes), SIZE, SIZE), AGAIN)
        self.image_shape = (1, SIZE, SIZE)

    def take(self, index: Integers) -> Images:
        images = np.array(self._images[index])[:, None]
        if images.max(initial=0) > 1:
            raise UserError("imgs of a dSprites archive are 0 or 1: fetch it again")
        return images * np.uint8(255)


def factor_images(root: Path | None, image_shape: tuple[int, int, int]) -> FactorImages:
    """Rendered, or those of the official file where a root names it or its folder; fitted to a
    shape.

    Raises:
        UserError: as :class:`OfficialDSprites`.
    """
    return fitted(DSprites() if root is None else OfficialDSprites(root), image_shape)


def source(root: Path | None, params: PrepareDataParams, seed: int) -> Source:
    """Images to train on, shuffled by ``seed``; the class of an image is its shape.

    Raises:
        UserError: as :func:`factor_images`, and :func:`ssavl.datasets.drawn.drawn`.
    """
    images = factor_images(root, params.image_shape(SIZE, 1))
    return drawn(images, params, seed, "shape", tuple(SHAPES))
