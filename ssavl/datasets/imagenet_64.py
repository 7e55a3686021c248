"""ImageNet at 64 pixels (Chrabaszcz et al. 2017), from the batches in ``.npz``."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import numpy as np

from ssavl.datasets.source import Source
from ssavl.datasets.stored import stored
from ssavl.errors import UserError
from ssavl.params.stages import PrepareDataParams
from ssavl.storage.arrays import WHOLE, read_arrays, unpack

SIDE = 64
PIXELS = 3 * SIDE**2
CLASSES = tuple(map(str, range(1, 1001)))  # as the files number them
WHERE = "Imagenet64_train_part1_npz.zip, _part2_npz.zip and Imagenet64_val_npz.zip of "
WHERE += "https://image-net.org/download-images"
AGAIN = f"unpack {WHERE}"


def source(root: Path | None, params: PrepareDataParams, seed: int) -> Source:
    """``train_data_batch_N.npz`` to train on and ``val_data.npz`` to test on.

    Each batch is unpacked to a nameless temporary file and mapped, so that memory stays flat; all
    of them take 16 GB there (``TMPDIR`` says where).

    Raises:
        UserError: no root, files that are missing, cut, or something else.
    """
    if root is None:
        raise UserError(f"imagenet-64 needs prepare-data.root, a folder: {AGAIN}")
    if not root.is_dir():
        raise UserError(f"data folder {root} does not exist: {AGAIN}")
    train = sorted(
        (path for path in root.rglob("train_data_batch_*.npz") if _number(path)), key=_number
    )
    test = sorted(root.rglob("val_data.npz"))
    if not train or not test:
        pickles = sorted(root.rglob("train_data_batch_*")) or sorted(root.rglob("val_data"))
        reason = "only pickles, which are not read" if pickles and not train else "not both"
        raise UserError(
            f"data folder {root} has {reason} of train_data_batch_N.npz and val_data.npz: {AGAIN}"
        )
    images, labels = [], []
    for path in (*train, test[0]):
        own = read_arrays(path, {"labels": WHOLE}, AGAIN).get("labels")
        if own is None or own.ndim != 1 or not len(own) or own.min() < 1 or own.max() > 1000:
            raise UserError(f"{path} has no labels from 1 to 1000: {AGAIN}")
        with tempfile.TemporaryFile() as unpacked:  # nameless: it vanishes with the map
            pixels = unpack(path, "data", unpacked, (len(own), PIXELS), AGAIN)
        images.append(pixels.reshape(-1, 3, SIDE, SIDE))
        labels.append(own - 1)
    parts = sum(map(len, images[:-1])), len(images[-1])
    return stored(params, tuple(images), np.concatenate(labels), parts, CLASSES, seed)


def _number(path: Path) -> int:
    found = re.fullmatch(r"train_data_batch_(\d+)\.npz", path.name)
    return int(found[1]) if found else 0
