"""ILSVRC 2012, from its folders of JPEG files."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from ssavl.datasets.classes import numbered
from ssavl.datasets.drawn import shuffled
from ssavl.datasets.pictures import Pictures
from ssavl.datasets.source import Source
from ssavl.errors import UserError
from ssavl.images.listing import EXTENSIONS, Files, files_below
from ssavl.params.stages import PrepareDataParams

SIZE = 64
TRAIN, VALIDATION = "train", "val"
KAGGLE, SOLUTION = Path("ILSVRC/Data/CLS-LOC"), "LOC_val_solution.csv"
PACKED = ("ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar")
WHERE = "https://image-net.org (for research alone)"


def source(root: Path | None, params: PrepareDataParams, seed: int) -> Source:
    """``train`` to train on and ``val`` to test on, as the paper does; each shuffled by ``seed``.

    A class is a folder, by its WordNet id. Where ``val`` has no folders, Kaggle's
    ``LOC_val_solution.csv`` says the classes of its images.

    Args:
        root: the folder of ``train`` and ``val``, or the one that Kaggle's archive makes.

    Raises:
        UserError: no root, folders that are missing or whose classes nothing says, a limit beyond
            the data.
    """
    folder = _folder(root)
    files = files_below(folder, _wanted)  # in order of name, so training images first
    train = sum(name.startswith(f"{TRAIN}/") for name in files.names())
    test = len(files) - train
    for name, count in ((TRAIN, train), (VALIDATION, test)):
        if not count:
            raise UserError(f"{folder / name} holds no image: unpack the archives ({WHERE})")
    places = np.arange(len(files))
    of_test = _of_test(list(files.at(places[train:]).names()), folder)
    labels, classes = numbered(chain(_of_train(files.at(places[:train]), folder), of_test))
    unknown = np.setdiff1d(labels[train:], labels[:train])
    if len(unknown):
        raise UserError(
            f"{folder / VALIDATION} has the class {classes[unknown[0]]}, {TRAIN} has not"
        )
    parts = shuffled((train, test), params.limit, seed)
    order = np.concatenate(parts)
    files, shape = files.at(order), params.image_shape(SIZE, 3)
    return Source(
        "imagenet",
        shape,
        tuple(map(len, parts)),
        Pictures(files, shape, params.background, params.crop),
        labels[order],
        classes,
        costly=True,
        mark=files.digest(),
    )


def _wanted(name: str) -> bool:
    return name.split("/")[0] in (TRAIN, VALIDATION) and Path(name).suffix.lower() in EXTENSIONS


def _folder(root: Path | None) -> Path:
    if root is None:
        raise UserError(f"imagenet needs prepare-data.root, the folder of train and val ({WHERE})")
    for folder in (root, root / KAGGLE):
        if (folder / TRAIN).is_dir() and (folder / VALIDATION).is_dir():
            return folder
    if any((root / name).is_file() for name in PACKED):
        raise UserError(
            f"data folder {root} has {PACKED[0]} still packed: unpack it into {TRAIN}/CLASS/ and "
            f"{PACKED[1]} into {VALIDATION}/CLASS/"
        )
    raise UserError(f"data folder {root} has no {TRAIN} and {VALIDATION}: unpack ILSVRC ({WHERE})")


def _of_train(files: Files, folder: Path) -> Iterator[str]:
    """The class of each image of ``train``."""
    for name in files.names():
        _, own, *below = name.split("/")
        if not below:
            raise UserError(
                f"{folder / TRAIN} has images outside of the folders of their classes: unpack the "
                "tar of each class into a folder of its name"
            )
        yield own


def _of_test(names: list[str], folder: Path) -> list[str]:
    """The class of each image of ``val``."""
    own = [name.split("/")[1:] for name in names]
    if all(len(parts) > 1 for parts in own):
        return [parts[0] for parts in own]
    for place in (folder, *folder.parents[:3]):
        if (place / SOLUTION).is_file():
            with (place / SOLUTION).open(newline="") as file:
                told = {row[0]: row[1].split(" ")[0] for row in csv.reader(file) if len(row) == 2}
            missing = [parts[-1] for parts in own if Path(parts[-1]).stem not in told]
            if missing:
                raise UserError(f"{place / SOLUTION} does not say the class of {missing[0]}")
            return [told[Path(parts[-1]).stem] for parts in own]
    raise UserError(
        f"{folder / VALIDATION} has images outside of the folders of their classes, and there is "
        f"no {SOLUTION}: sort them into {VALIDATION}/CLASS/"
    )
