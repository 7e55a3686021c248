"""Tables of all systems: the paper's, and what `pipelines/competitors` measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cells import number, read, table

COLUMNS = {"accuracy": 3, "accuracy_majority": 3, "mse": 1, "ll": 1}


def competitors(root: Path) -> list[str]:
    """Every system under one protocol; in the order of accuracy, then of squared error."""
    found: dict[str, Any] = read(root / "pipelines/competitors/summary.json")
    rows = []
    for name, own in found.items():
        if "/" in name:  # a baseline beside a model
            continue
        cells = [_cell(own.get(metric), places) for metric, places in COLUMNS.items()]
        seeds = max(one["n"] for one in own.values())
        rows.append((_order(own), [f"`{name}`", *cells, str(seeds)]))
    rows.sort(key=lambda row: row[0])
    head = ["", "accuracy", "by majority", "squared error", "bound `ll`", "seeds"]
    return table(head, [row for _, row in rows])


def _cell(own: dict[str, Any] | None, places: int) -> str:
    if own is None:
        return "-"
    mean = number(own["mean"], places)
    return f"{mean} ± {number(own['std'], places)}" if own["n"] > 1 else mean


def _order(own: dict[str, Any]) -> tuple[float, float]:
    accuracy, error = own.get("accuracy"), own.get("mse")
    return (-accuracy["mean"] if accuracy else 0.0, error["mean"] if error else 1e9)


TABLES: dict[str, Callable[[Path], list[str]]] = {"competitors": competitors}
