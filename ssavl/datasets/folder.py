"""Any folder of images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ssavl.datasets.source import Source
from ssavl.errors import UserError, first_line
from ssavl.images.file import (
    EXTENSIONS,
    UNREADABLE,
    Picture,
    decode,
    image_files,
    shown,
)
from ssavl.images.notes import Notes
from ssavl.params.stages import PrepareDataParams

SIZE = 64  # when image_size is null: the smallest at which photographs are recognised
SPLITS = ("train", "test")  # folders of these names are no classes


def folder(root: Path, params: PrepareDataParams, seed: int) -> Source:
    """Every image below ``root``, shuffled once by ``seed`` and split.

    Each file is opened and decoded once to find out whether it can be read: what cannot is left out
    and named. The test split is ``params.test_fraction`` of all; or, where ``root`` holds the
    folders ``train`` and ``test`` and nothing else, what is in the latter.

    Args:
        root: the folder; files with an image's extension, at any depth, but hidden ones.
        params: how large an image becomes, whether the first folder below ``root`` (below ``train``
            and ``test``) names its class, how many images there shall be at most.
        seed: of the shuffle.

    Raises:
        UserError: no such folder, no readable image, an image outside every class folder.
    """
    if not root.is_dir():
        raise UserError(
            f"data folder {root} does not exist: set prepare-data.root to a folder of images"
        )
    files, others = image_files(root)
    if not files:
        raise UserError(
            f"data folder {root} holds no image (looked for {', '.join(EXTENSIONS)}, at any depth)"
        )
    shape = (params.channels or 3, params.image_size or SIZE, params.image_size or SIZE)
    rng = np.random.default_rng(seed)
    parts = [_shuffled(rng, part) for part in _splits(root, files)]
    if params.limit is not None:
        parts = _limited(parts, params.limit)
    notes = Notes(shape)
    notes.skipped += others
    read = _Reader(root, shape, params.background, notes)
    parts = [read.readable(part) for part in parts]
    found = [path for part in parts for path in part]
    if len(found) < 2 or not all(parts):
        raise UserError(
            f"data folder {root}: {len(found)} of {len(files)} images can be read; "
            "at least 2 are needed, to train and to test"
        )
    if len(parts) == 1:
        test = min(len(found) - 1, max(1, round(params.test_fraction * len(found))))
    else:
        test = len(parts[1])
    labels: NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()
    if params.class_folders:
        labels, classes = _classes(root, found, depth=len(parts) - 1)
    counts = (len(found) - test, test)
    return Source(
        "folder",
        shape,
        counts,
        lambda: (read(path).pixels for path in found),
        labels,
        classes,
        read.unreadable,
        notes.lines(),
    )


def _splits(root: Path, files: list[Path]) -> list[list[Path]]:
    """All files, or those to train on and those to test on."""
    by_folder: dict[str, list[Path]] = {name: [] for name in SPLITS}
    for path in files:
        below = path.relative_to(root).parts
        if len(below) == 1 or below[0] not in by_folder:
            return [files]
        by_folder[below[0]].append(path)
    return list(by_folder.values()) if all(by_folder.values()) else [files]


def _shuffled(rng: np.random.Generator, files: list[Path]) -> list[Path]:
    return [files[i] for i in rng.permutation(len(files))]


def _limited(parts: list[list[Path]], limit: int) -> list[list[Path]]:
    """The first of each, in proportion, so many in all; at least one of each."""
    total = sum(map(len, parts))
    if total <= limit:
        return parts
    shares = [max(1, round(limit * len(part) / total)) for part in parts]
    shares[0] = max(1, limit - sum(shares[1:]))
    return [part[:share] for part, share in zip(parts, shares, strict=True)]


def _classes(
    root: Path, files: list[Path], depth: int
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Numbers of the classes, and their names: those of the folders at a depth below ``root``.

    Raises:
        UserError: a file that is in none.
    """
    names = []
    for path in files:
        below = path.relative_to(root).parts
        if len(below) < depth + 2:
            raise UserError(
                f"{shown(path)} is in no class folder: move it, "
                "or set prepare-data.class_folders to false"
            )
        names.append(shown(Path(below[depth])))
    classes = tuple(sorted(set(names)))
    number = {name: index for index, name in enumerate(classes)}
    return np.array([number[name] for name in names], dtype=np.int64), classes


class _Reader:
    """Reads files of one folder, and keeps which could not be read."""

    def __init__(
        self, root: Path, shape: tuple[int, int, int], background: str, notes: Notes
    ) -> None:
        self.root, self.background, self.notes = root, background, notes
        self.channels, self.size, _ = shape
        self.unreadable: dict[str, str] = {}

    def __call__(self, path: Path) -> Picture:
        return decode(path, self.size, self.channels, self.background)

    def readable(self, files: list[Path]) -> list[Path]:
        """Those that can be read; of the others, by their names below the folder, why not."""
        found = []
        for path in tqdm(files, desc="checking", disable=None, leave=False):
            name = shown(path.relative_to(self.root))
            try:
                self.notes.see(name, self(path))
                found.append(path)
            except UNREADABLE as error:
                self.unreadable[name] = first_line(error, 200)
        return found
