"""3D Shapes (Burgess and Kim 2018), from the official ``3dshapes.h5``; it needs h5py."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ssavl.datasets.drawn import drawn
from ssavl.datasets.factors import Factor, FactorGrid, FactorImages, Integers
from ssavl.datasets.resized import fitted
from ssavl.datasets.source import NAMED, Source
from ssavl.errors import UserError, first_line
from ssavl.images.array import Images
from ssavl.params.stages import PrepareDataParams

OFFICIAL = "3dshapes.h5"
NAMES = ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation")
SHAPES = ("cube", "cylinder", "sphere", "capsule")
SIDE = 64
WHERE = "https://github.com/google-deepmind/3d-shapes"
NEEDED = f"give the official {OFFICIAL}, or the folder that holds it ({WHERE})"


class Shapes3D(FactorGrid):
    """The official file, read image by image.

    Args:
        path: the file, or its folder.

    Raises:
        UserError: no h5py, no such file, or another one; not every combination of factors once,
            the last fastest.
    """

    name = "shapes3d"
    image_shape = (3, SIDE, SIDE)

    def __init__(self, path: Path) -> None:
        try:
            import h5py
        except ImportError:
            raise UserError("shapes3d needs h5py: pip install 'ssavl[hdf5]'") from None
        self.path = path / OFFICIAL if path.is_dir() else path
        if not self.path.is_file():
            raise UserError(f"{self.path} does not exist: {NEEDED}")
        try:
            with h5py.File(self.path, "r") as file:
                images, labels = file["images"], np.asarray(file["labels"])
                if images.dtype != np.uint8 or images.shape != (len(labels), SIDE, SIDE, 3):
                    raise ValueError(f"images are {images.dtype} {images.shape}")
                if labels.shape[1:] != (len(NAMES),) or not np.isfinite(labels).all():
                    raise ValueError(f"labels are {labels.shape}")
        except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise UserError(
                f"{self.path} is no 3D Shapes ({first_line(error)}): fetch it again ({WHERE})"
            ) from None
        self.factors = tuple(
            Factor(name, tuple(np.unique(column).tolist()))
            for name, column in zip(NAMES, labels.T, strict=True)
        )
        values = [np.unique(column, return_inverse=True)[1] for column in labels.T]
        if len(self) != len(labels) or not np.array_equal(
            self.classes(np.arange(len(labels))), np.stack(values, axis=1)
        ):
            raise UserError(
                f"{self.path}: the images are not one of every combination of factors, "
                "the last one fastest: fetch it again"
            )

    def take(self, index: Integers) -> Images:
        import h5py

        places, back = np.unique(index, return_inverse=True)  # as h5py wants them
        with h5py.File(self.path, "r") as file:  # anew, so that another process may take as well
            images = file["images"][places]
        return np.ascontiguousarray(images[back].transpose(0, 3, 1, 2))


def factor_images(root: Path | None, image_shape: tuple[int, int, int]) -> FactorImages:
    """The images of the official file, fitted to a shape.

    Raises:
        UserError: no root, or as :class:`Shapes3D`.
    """
    if root is None:
        raise UserError(f"shapes3d has a file that is yours to fetch: {NEEDED}; {NAMED}")
    return fitted(Shapes3D(root), image_shape)


def source(root: Path | None, params: PrepareDataParams, seed: int) -> Source:
    """Images to train on, shuffled by ``seed``; the class of an image is its shape.

    Raises:
        UserError: as :func:`factor_images`, or a limit beyond the data.
    """
    images = factor_images(root, params.image_shape(SIDE, 3))
    return drawn(images, params, seed, "shape", SHAPES)
