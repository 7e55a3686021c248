"""Any images with a table of their factors:
a ``.csv`` with the column ``file`` and one column per factor.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from ssavl.datasets.factors import Factor, FactorImages, Integers
from ssavl.errors import UserError, first_line
from ssavl.images.array import Images
from ssavl.images.file import UNREADABLE, decode

FILE = "file"


class FactorTable(FactorImages):
    """Image files and their factors; a combination may be missing, or have many images.

    The classes of a factor are its different values, in the order of numbers where all are numbers,
    else of text.

    Args:
        path: the table.
        root: the folder that files are relative to; that of the table when ``None``.
        image_shape: channels, height and width of the images to give; the largest centred square is
            resampled.

    Raises:
        UserError: no such table, no column ``file``, no factor, a line that is too short, a file
            that is not there.
    """

    def __init__(self, path: Path, root: Path | None, image_shape: tuple[int, int, int]) -> None:
        self.name = path.stem
        self.image_shape = image_shape
        rows = _rows(path)
        folder = root if root is not None else path.parent
        self._files = [folder / row[FILE] for row in rows]
        absent = next((file for file in self._files if not file.is_file()), None)
        if absent is not None:
            raise UserError(
                f"{path} names {absent}, which does not exist: files are relative to {folder}"
            )
        names = [name for name in rows[0] if name != FILE]
        factors, classes = [], []
        for name in names:
            column = _parsed([row[name] for row in rows])
            values = sorted(set(column))
            class_of = {value: number for number, value in enumerate(values)}
            factors.append(Factor(name, tuple(values)))
            classes.append([class_of[value] for value in column])
        self.factors = tuple(factors)
        self._classes = np.stack(classes, axis=1).astype(np.int64)
        self._first: dict[tuple[int, ...], int] = {}
        for place, combination in enumerate(map(tuple, self._classes.tolist())):
            self._first.setdefault(combination, place)

    def __len__(self) -> int:
        return len(self._files)

    def classes(self, index: Integers) -> Integers:
        return self._classes[index]

    def locate(self, factors: Integers) -> Integers:
        places = [self._first.get(tuple(row)) for row in factors.tolist()]
        if None in places:
            raise UserError(
                f"{self.name} has no image with the factors "
                f"{tuple(factors[places.index(None)].tolist())}"
            )
        return np.array(places, dtype=np.int64)

    def take(self, index: Integers) -> Images:
        channels, size, _ = self.image_shape
        images = []
        for place in index.tolist():
            try:
                images.append(decode(self._files[place], size, channels).pixels)
            except UNREADABLE as error:
                raise UserError(
                    f"{self._files[place]} cannot be read ({first_line(error, 100)}): "
                    "take it out of the table"
                ) from None
        return np.stack(images)


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"{path} is no table ({error}): write a .csv with the column '{FILE}'"
        ) from None
    if not rows or FILE not in rows[0] or len(rows[0]) < 2:
        raise UserError(
            f"{path} needs a line of names, the column '{FILE}', a column per factor, "
            "and a line per image"
        )
    for line, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise UserError(f"{path}, line {line}: {len(rows[0].keys() - {None})} cells are needed")
    return rows


def _parsed(column: list[str]) -> list[Any]:
    """Numbers where every cell is a finite one, else the text."""
    try:
        numbers = [float(text) for text in column]
    except ValueError:
        return column
    return numbers if np.isfinite(numbers).all() else column
