"""From ``params.yaml`` to a source, and from a word or a path to images with known factors."""

from __future__ import annotations

from pathlib import Path

from ssavl.datasets.dsprites import SIZE, DSprites, OfficialDSprites, dsprites
from ssavl.datasets.factor_table import FactorTable
from ssavl.datasets.factors import FactorImages
from ssavl.datasets.folder import folder
from ssavl.datasets.mnist import embedded, official
from ssavl.datasets.resized import Resized
from ssavl.datasets.source import Source
from ssavl.errors import UserError
from ssavl.params.stages import PrepareDataParams

LIMITED = ("folder", "dsprites")


def read_source(params: PrepareDataParams, seed: int) -> Source:
    """The data set that the parameters name.

    Raises:
        UserError: whatever its reader finds wrong; a ``folder`` without a root; a limit on data
            that know none.
    """
    root = Path(params.root) if params.root is not None else None
    if params.limit is not None and params.dataset not in LIMITED:
        raise UserError(
            f"prepare-data.limit draws from {' or '.join(LIMITED)}: "
            f"set it to null for {params.dataset}"
        )
    match params.dataset:
        case "folder":
            if root is None:
                raise UserError(
                    "prepare-data.dataset = folder needs prepare-data.root, the folder of images"
                )
            return folder(root, params, seed)
        case "mnist-10k":
            return embedded(params.image_size or 28, params.channels or 1)
        case "mnist" | "fashion-mnist":
            return official(params.dataset, root, params.image_size or 28, params.channels or 1)
        case "dsprites":
            size, channels = params.image_size or SIZE, params.channels or 1
            return dsprites(root, size, channels, params.limit, params.test_fraction, seed)


def read_factor_images(
    spec: str, root: Path | None, image_shape: tuple[int, int, int]
) -> FactorImages:
    """Images with known factors.

    Args:
        spec: ``dsprites`` (rendered), the official ``.npz``, or a ``.csv`` of files and factors.
        root: the folder that the files of a ``.csv`` are relative to; its own when ``None``.
        image_shape: that the images are fitted to.

    Raises:
        UserError: none of these, or whatever the reader finds wrong.
    """
    path = Path(spec)
    if spec == DSprites.name or path.suffix == ".npz" or path.is_dir():
        sprites = DSprites() if spec == DSprites.name else OfficialDSprites(path)
        return sprites if sprites.image_shape == image_shape else Resized(sprites, image_shape)
    if path.suffix == ".csv":
        return FactorTable(path, root, image_shape)
    raise UserError(
        f"{spec} has no factors that can be read: name dsprites, its official .npz, "
        "or a .csv of factors"
    )
