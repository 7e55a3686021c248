"""Any folder of images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ssavl.datasets.source import Source
from ssavl.errors import UserError, first_line
from ssavl.images.array import Images
from ssavl.images.file import EXTENSIONS, UNREADABLE, decode, image_files


def folder(
    root: Path, size: int, channels: int, test_fraction: float, class_folders: bool, seed: int
) -> Source:
    """Every image below ``root``, shuffled once by ``seed`` and split.

    Each file is opened and decoded once to find out whether it can be read: what cannot is left out
    and named.

    Args:
        root: the folder; files with an image's extension, at any depth.
        size, channels: of the prepared images; the largest centred square is resampled.
        test_fraction: share of the images that make the test split.
        class_folders: whether the first folder below ``root`` names an image's class.
        seed: of the shuffle.

    Raises:
        UserError: no such folder, no readable image, an image outside every class folder.
    """
    if not root.is_dir():
        raise UserError(
            f"data folder {root} does not exist: set prepare-data.root to a folder of images"
        )
    files = image_files(root)
    if not files:
        raise UserError(
            f"data folder {root} holds no image (looked for {', '.join(EXTENSIONS)}, at any depth)"
        )
    readable, unreadable = _checked(root, files, size, channels)
    if len(readable) < 2:
        raise UserError(
            f"data folder {root}: {len(readable)} of {len(files)} images can be read; "
            "at least 2 are needed"
        )
    order = np.random.default_rng(seed).permutation(len(readable))
    readable = [readable[i] for i in order]
    test = min(len(readable) - 1, max(1, round(test_fraction * len(readable))))
    classes: tuple[str, ...] = ()
    labels = None
    if class_folders:
        names = [path.relative_to(root).parts[0] for path in readable]
        outside = [path for path in readable if path.parent == root]
        if outside:
            raise UserError(
                f"{outside[0]} is in no class folder: move it, "
                "or set prepare-data.class_folders to false"
            )
        classes = tuple(sorted(set(names)))
        labels = np.array([classes.index(name) for name in names], dtype=np.int64)

    def generate() -> Iterator[Images]:
        return (decode(path, size, channels) for path in readable)

    counts = (len(readable) - test, test)
    return Source("folder", (channels, size, size), counts, generate, labels, classes, unreadable)


def _checked(
    root: Path, files: list[Path], size: int, channels: int
) -> tuple[list[Path], dict[str, str]]:
    """Those that can be read, and of the others, by their names below ``root``, why not."""
    readable, unreadable = [], {}
    for path in tqdm(files, desc="checking", disable=None, leave=False):
        try:
            decode(path, size, channels)
            readable.append(path)
        except UNREADABLE as error:
            unreadable[str(path.relative_to(root))] = first_line(error, 200)
    return readable, unreadable
