"""Renders of 3D faces (Paysan et al. 2009), as Chen et al. 2018 made them; their authors send the
file on request alone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ssavl.datasets.drawn import drawn
from ssavl.datasets.factors import Factor, FactorGrid, FactorImages, Integers
from ssavl.datasets.resized import fitted
from ssavl.datasets.source import NAMED, Source
from ssavl.errors import UserError, first_line
from ssavl.images.array import Images
from ssavl.params.stages import PrepareDataParams

OFFICIAL = "basel_face_renders.pth"
NAMES = ("id", "azimuth", "elevation", "light")
SIDE = 64
NEEDED = f"give {OFFICIAL}, or its folder; its licence lets nobody pass it on, so ask its authors"


class Faces(FactorGrid):
    """The file: one tensor of bytes ``(id, azimuth, elevation, light, 64, 64)``, mapped.

    Args:
        path: the file, or its folder.

    Raises:
        UserError: no such file, or something else in it.
    """

    name = "faces-3d"
    image_shape = (1, SIDE, SIDE)

    def __init__(self, path: Path) -> None:
        path = path / OFFICIAL if path.is_dir() else path
        if not path.is_file():
            raise UserError(f"{path} does not exist: {NEEDED}")
        try:
            try:
                tensor = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            except RuntimeError:  # a file of before torch 1.6, which cannot be mapped
                tensor = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # torch promises no type for what is no file of its own
            raise UserError(f"{path} is no tensor ({first_line(error)}): {NEEDED}") from None
        if (
            not isinstance(tensor, torch.Tensor)
            or tensor.dtype != torch.uint8
            or tensor.ndim != 6
            or tuple(tensor.shape[4:]) != (SIDE, SIDE)
            or not tensor.numel()
        ):
            what = tuple(tensor.shape) if isinstance(tensor, torch.Tensor) else type(tensor)
            raise UserError(
                f"{path} holds {what}, where bytes (id, azimuth, elevation, light, {SIDE}, {SIDE}) "
                f"are needed: {NEEDED}"
            )
        self.factors = tuple(
            Factor(name, tuple(float(n) for n in range(size)))
            for name, size in zip(NAMES, tensor.shape, strict=False)
        )
        self._images = tensor.reshape(-1, 1, SIDE, SIDE)

    def take(self, index: Integers) -> Images:
        return np.array(self._images[torch.from_numpy(index)].numpy())


def factor_images(root: Path | None, image_shape: tuple[int, int, int]) -> FactorImages:
    """The faces, fitted to a shape.

    Raises:
        UserError: no root, or as :class:`Faces`.
    """
    if root is None:
        raise UserError(f"faces-3d is not free to fetch: {NEEDED}; {NAMED}")
    return fitted(Faces(root), image_shape)


def source(root: Path | None, params: PrepareDataParams, seed: int) -> Source:
    """Faces to train on, shuffled by ``seed``; there are no classes.

    Raises:
        UserError: as :func:`factor_images`, or a limit beyond the data.
    """
    return drawn(factor_images(root, params.image_shape(SIDE, 1)), params, seed)
