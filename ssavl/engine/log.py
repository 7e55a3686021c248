"""The log of a run: ``log.csv``, one row per logging interval."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path

from ssavl.errors import UserError


class Log:
    """Rows appended to a CSV file whose columns the first row sets.

    A resumed run cuts the file back to the length that its state remembers, so no row stands twice.
    Rows hold no wall-clock time: equal runs write equal bytes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.columns: list[str] | None = None

    def append(self, row: Mapping[str, float]) -> None:
        """Add a row; a column that a later row lacks stays empty,
        one that the first lacked is an error.
        """
        text = io.StringIO()
        if self.columns is None:
            self.columns = list(row)
            csv.writer(text, lineterminator="\n").writerow(self.columns)
        writer = csv.DictWriter(text, self.columns, restval="", lineterminator="\n")
        writer.writerow({column: _cell(value) for column, value in row.items()})
        with self.path.open("a") as file:
            file.write(text.getvalue())

    def state_dict(self) -> dict[str, object]:
        """Columns and the file's length in bytes."""
        size = self.path.stat().st_size if self.path.exists() else 0
        return {"columns": self.columns, "size": size}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Cut the file back to that length. Raises ``UserError`` when rows are missing."""
        size = state["size"]
        assert isinstance(size, int)
        if (self.path.stat().st_size if self.path.exists() else 0) < size:
            raise UserError(
                f"{self.path} lost rows since the run was saved: delete its folder to start over"
            )
        if self.path.exists():
            with self.path.open("r+b") as file:
                file.truncate(size)
        columns = state["columns"]
        assert columns is None or isinstance(columns, list)
        self.columns = columns


def _cell(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    return "" if math.isnan(value) else f"{value:.6g}"  # empty: not measured in this interval


def read_log(path: Path) -> dict[str, list[float]]:
    """The columns of a ``log.csv`` by name; empty cells are NaN.

    Raises:
        UserError: no such file, or no row in it.
    """
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: the run that writes it has not finished") from None
    if not rows:
        raise UserError(f"{path} has no row")
    return {column: [float(row[column] or "nan") for row in rows] for column in rows[0]}
