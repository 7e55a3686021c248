"""From ``params.yaml`` to a source."""

from __future__ import annotations

from pathlib import Path

from ssavl.datasets.folder import folder
from ssavl.datasets.mnist import embedded, official
from ssavl.datasets.source import Source
from ssavl.errors import UserError
from ssavl.params import PrepareDataParams

FOLDER_SIZE = 64  # of `folder` when image_size is null: the smallest at which photographs are recognised


def read_source(params: PrepareDataParams, seed: int) -> Source:
    """The data set that the parameters name.

    Raises:
        UserError: whatever its reader finds wrong; a ``folder`` without a root.
    """
    root = Path(params.root) if params.root is not None else None
    match params.dataset:
        case "folder":
            if root is None:
                raise UserError("prepare-data.dataset = folder needs prepare-data.root, the folder of images")
            size, channels = params.image_size or FOLDER_SIZE, params.channels or 3
            return folder(root, size, channels, params.test_fraction, params.class_folders, seed)
        case "mnist-10k":
            return embedded(params.image_size or 28, params.channels or 1)
        case "mnist" | "fashion-mnist":
            return official(params.dataset, root, params.image_size or 28, params.channels or 1)
