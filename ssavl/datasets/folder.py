"""Any folder of images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssavl.datasets.classes import numbered
from ssavl.datasets.drawn import shares
from ssavl.datasets.pictures import Pictures
from ssavl.datasets.source import Source
from ssavl.errors import UserError
from ssavl.images.file import shown
from ssavl.images.listing import EXTENSIONS, Files, image_files
from ssavl.images.notes import Notes
from ssavl.params.stages import PrepareDataParams

SIZE = 64  # when image_size is null: the smallest at which photographs are recognised
SPLITS = ("train", "test")  # folders of these names are no classes


def source(root: Path | None, params: PrepareDataParams, seed: int) -> Source:
    """Every image below ``root``, shuffled once by ``seed`` and split.

    What cannot be read is left out and named. The test split is ``params.test_fraction`` of all
    that can; or, where ``root`` holds the folders ``train`` and ``test`` and nothing else, what is
    in the latter.

    Args:
        root: the folder; files with an image's extension, at any depth, but hidden ones.
        params: how large an image becomes, whether the first folder below ``root`` (below ``train``
            and ``test``) names its class, how many images there shall be at most.
        seed: of the shuffle.

    Raises:
        UserError: no such folder, no image in it, an image outside every class folder.
    """
    if root is None:
        raise UserError(
            "prepare-data.dataset = folder needs prepare-data.root, the folder of images"
        )
    if not root.is_dir():
        raise UserError(
            f"data folder {root} does not exist: set prepare-data.root to a folder of images"
        )
    files, others = image_files(root)
    if not len(files):
        raise UserError(
            f"data folder {root} holds no image (looked for {', '.join(EXTENSIONS)}, at any depth)"
        )
    shape = params.image_shape(SIZE, 3)
    rng = np.random.default_rng(seed)
    parts = [rng.permutation(part) for part in _splits(files)]
    lengths = tuple(map(len, parts))
    if params.limit is not None and params.limit < sum(lengths):
        lengths = shares(lengths, params.limit)
        parts = [part[:share] for part, share in zip(parts, lengths, strict=True)]
    files = files.at(np.concatenate(parts))
    labels: NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()
    if params.class_folders:
        labels, classes = numbered(_class_names(files, depth=len(parts) - 1))
    return Source(
        "folder",
        shape,
        lengths,
        Pictures(files, shape, params.background, params.crop),
        labels,
        classes,
        params.test_fraction if len(parts) == 1 else None,
        costly=True,
        mark=files.digest(),
        seen=Notes(shape, skipped=others),
    )


def _splits(files: Files) -> list[NDArray[np.int64]]:
    """Places of all files, or of those to train on and of those to test on."""
    places: dict[str, list[int]] = {name: [] for name in SPLITS}
    for place, name in enumerate(files.names()):
        first, *below = name.split("/")
        if not below or first not in places:
            return [np.arange(len(files))]
        places[first].append(place)
    whole = all(places.values())
    return [np.array(own) for own in places.values()] if whole else [np.arange(len(files))]


def _class_names(files: Files, depth: int) -> Iterator[str]:
    """The class of each: its folder at a depth.

    Raises:
        UserError: a file that is in none.
    """
    for place, name in enumerate(files.names()):
        below = name.split("/")
        if len(below) < depth + 2:
            raise UserError(
                f"{shown(files[place])} is in no class folder: move it, "
                "or set prepare-data.class_folders to false"
            )
        yield shown(Path(below[depth]))
