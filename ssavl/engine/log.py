"""The log of a run: ``log.csv``, one row per logging interval."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ssavl.errors import UserError
from ssavl.storage.files import write_bytes

LOG = "log.csv"  # of the last act, whose columns are a training's result


class Log:
    """Rows of a CSV file, which grows with every row.

    The run's state has them too: a resumed run writes the file anew, so no row stands twice and
    none is missing. Rows hold no wall-clock time: equal runs write equal bytes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.columns: list[str] = []
        self.rows: list[dict[str, str]] = []

    def append(self, row: Mapping[str, float]) -> None:
        """Add a row.

        A column that a later row lacks stays empty in it; one that the rows before lacked, of a
        phase that sets in late, is added to them.
        """
        new = [column for column in row if column not in self.columns]
        self.columns += new
        self.rows.append({column: _cell(value) for column, value in row.items()})
        if new:
            write_bytes(self.path, self._text(self.rows, header=True).encode())
        else:
            with self.path.open("a") as file:
                file.write(self._text(self.rows[-1:], header=False))

    def state_dict(self) -> dict[str, Any]:
        """Columns and rows."""
        return {"columns": self.columns, "rows": self.rows}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take them; :meth:`write` makes the file agree."""
        self.columns, self.rows = list(state["columns"]), list(state["rows"])

    def write(self) -> None:
        """Write the file anew; without a row there is none."""
        if self.rows:
            write_bytes(self.path, self._text(self.rows, header=True).encode())
        else:
            self.path.unlink(missing_ok=True)

    def _text(self, rows: Sequence[Mapping[str, str]], *, header: bool) -> str:
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, restval="", lineterminator="\n")
        if header:
            writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()


def _cell(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    # empty: not measured in this interval, or no number
    return f"{value:.6g}" if math.isfinite(value) else ""


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
