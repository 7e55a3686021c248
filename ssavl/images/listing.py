"""The image files below a folder, a million of them in little memory."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

EXTENSIONS = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".webp", ".avif"),
    *(".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".jp2"),
)


class Files:
    """Paths below one folder, as one string of bytes: some forty bytes each, where a ``Path`` takes
    four hundred.

    Args:
        root: the folder.
        names: of the files, relative to it.
    """

    def __init__(self, root: Path, names: list[str]) -> None:
        encoded = [os.fsencode(name) for name in names]
        ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
        self.root = root
        self._text = b"".join(encoded)
        self._spans: NDArray[np.int64] = np.stack([ends[:-1], ends[1:]], axis=1)

    def __len__(self) -> int:
        return len(self._spans)

    def __getitem__(self, place: int) -> Path:
        return self.root / self.name(place)

    def __iter__(self) -> Iterator[Path]:
        return (self[place] for place in range(len(self)))

    def name(self, place: int) -> str:
        """The path of one of them below :attr:`root`."""
        start, end = self._spans[place]
        return os.fsdecode(self._text[start:end])

    def names(self) -> Iterator[str]:
        """Every one of these."""
        return map(self.name, range(len(self)))

    def at(self, places: NDArray[np.integer]) -> Files:
        """Those at some places, in that order; text is shared."""
        found = object.__new__(Files)
        found.root, found._text, found._spans = self.root, self._text, self._spans[places]
        return found

    def digest(self) -> str:
        """What tells them from other files, or from themselves after a change: the SHA-256 of
        names, sizes and times.
        """
        found = hashlib.sha256()
        for path in self:
            state = path.stat()
            found.update(os.fsencode(path) + f"\0{state.st_size} {state.st_mtime_ns}\0".encode())
        return found.hexdigest()


def image_files(root: Path) -> tuple[Files, Counter[str]]:
    """Every file below ``root`` with an image's extension, at any depth, in order of name; and how
    many others there are, by the extension that they have.

    What is hidden, in a hidden folder, or added to archives by macOS is left alone.
    """
    others: Counter[str] = Counter()

    def chosen(name: str) -> bool:
        suffix = Path(name).suffix.lower()
        if suffix not in EXTENSIONS:
            others[suffix or "no ending"] += 1
        return suffix in EXTENSIONS

    return files_below(root, chosen), others


def files_below(root: Path, chosen: Callable[[str], bool]) -> Files:
    """Files below ``root``, at any depth, in order of name; what is hidden is left alone.

    Args:
        chosen: says of a path below ``root`` whether it is wanted.
    """
    names: list[str] = []
    for folder, folders, files in os.walk(root, onerror=_refuse):
        below = Path(folder).relative_to(root)
        folders[:] = [own for own in folders if not own.startswith(".") and own != "__MACOSX"]
        found = (str(below / own) for own in files if not own.startswith("."))
        names += [own for own in found if (root / own).is_file() and chosen(own)]
    names.sort(key=lambda name: name.replace("/", "\0"))  # folder by folder, as paths compare
    return Files(root, names)


def _refuse(error: OSError) -> None:
    """What cannot be listed is not passed over."""
    raise error
