"""Any images with a table of their factors:
a ``.csv`` with the column ``file`` and one column per factor.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from ssavl.datasets.factor_files import FactorFiles
from ssavl.datasets.factors import Factor
from ssavl.datasets.pictures import Pictures
from ssavl.errors import UserError
from ssavl.images.listing import Files

FILE = "file"


class FactorTable(FactorFiles):
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
        rows = _rows(path)
        folder = root if root is not None else path.parent
        names = [row[FILE] for row in rows]
        absent = next((folder / name for name in names if not (folder / name).is_file()), None)
        if absent is not None:
            raise UserError(
                f"{path} names {absent}, which does not exist: files are relative to {folder}"
            )
        factors, classes = [], []
        for name in rows[0]:
            if name == FILE:
                continue
            column = _parsed([row[name] for row in rows])
            values = sorted(set(column))
            class_of = {value: number for number, value in enumerate(values)}
            factors.append(Factor(name, tuple(values)))
            classes.append([class_of[value] for value in column])
        pictures = Pictures(Files(folder, names), image_shape)
        columns = np.stack(classes, axis=1).astype(np.int64)
        super().__init__(path.stem, pictures, tuple(factors), columns)


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
