"""Tables of all systems: the paper's, and what `pipelines/competitors` measured."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cells import number, read, table

from ssavl.metrics.summary import Summary
from ssavl.uses.compare import read_table
from ssavl.uses.paper import cells, placed

CLUSTERERS = ("catgan", "clustergan", "dec", "gmvae", "sub-gan")  # their signature is a row there
FASHION = ("pipelines/fashion-mnist", "competitors", "fashion.json")
COLUMNS = {"accuracy": 3, "accuracy_majority": 3, "mse": 1, "ll": 1}


def competitors(root: Path) -> list[str]:
    """Every system under one protocol; in the order of accuracy, then of squared error."""
    found = read_table(root / "pipelines/competitors/summary.json")
    rows = []
    for name, own in placed(found).items():
        told = [_cell(own.get(metric), places) for metric, places in COLUMNS.items()]
        seeds = max(one.n for one in own.values())
        rows.append((_order(own), [f"`{name}`", *told, str(seeds)]))
    rows.sort(key=lambda row: row[0])
    head = ["", "accuracy", "by majority", "squared error", "bound `ll`", "seeds"]
    return table(head, [row for _, row in rows])


def _cell(own: Summary | None, places: int) -> str:
    if own is None:
        return "-"
    mean = number(own.mean, places)
    return f"{mean} ± {number(own.std, places)}" if own.n > 1 else mean


def _order(own: Mapping[str, Summary]) -> tuple[float, float]:
    accuracy, error = own.get("accuracy"), own.get("mse")
    return (-accuracy.mean if accuracy else 0.0, error.mean if error else 1e9)


def longer(root: Path) -> list[str]:
    """Accuracies by majority after one CPU-minute, and of those that had more of them."""
    minute, more = (
        read_table(root / "pipelines/competitors" / name)
        for name in ("summary.json", "longer.json")
    )
    rows = []
    for name, own in placed(more).items():
        if "accuracy_majority" in own and not name.startswith("k-means"):
            method = name.removesuffix("-deep")
            found = own["accuracy_majority"]
            before = minute[method]["accuracy_majority"]
            rows.append([f"`{name}`", _cell(before, 3), _cell(found, 3), str(found.n)])
    return table(["", "one minute", "longer", "seeds"], rows)


def paper(
    number: str, ours: str, study: str, file: str = "summary.json"
) -> Callable[[Path], list[str]]:
    """A table of the paper: SS-AVL's runs are those of another study than the others'."""

    def made(root: Path) -> list[str]:
        rows = read_table(root / "pipelines" / study / file)
        for name, own in read_table(root / ours / "summary.json").items():
            run, _, model = name.partition("/")
            if run in ("improved", "run"):
                rows[f"ss-avl/{model}"] = own
        head, *lines = cells(rows, number)
        return table(head, lines)

    return made


def signatures(root: Path) -> list[str]:
    """What each method's own paper claims, and of how many seeds that held: out of
    ``benchmarks/signatures``, or the study of competitors.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted((root / "benchmarks/signatures/results").glob("*.json")):
        own = read(path)
        found.setdefault(own["method"], []).append(own)
    rows = []
    summary = read_table(root / "pipelines/competitors/summary.json")
    for name in CLUSTERERS:
        own, pixels = (summary[row]["accuracy"] for row in (name, f"{name}/k-means"))
        assert own.worst is not None
        assert own.best is not None
        assert own.n == 2  # its worst and best are all that there are
        values = [own.worst, own.best]
        reached = sum(value > (pixels.best or 0) for value in values)
        figures = f"accuracy {values[0]:.3g}, {values[1]:.3g}; k-means {pixels.mean:.3g}"
        claim = "one minute's clusters are nearer to the classes than k-means of pixels"
        rows.append([f"`{name}`", claim, figures, f"{reached} of {own.n}"])
    for name, runs in found.items():
        reached = sum(own["reached"] for own in runs)
        named = [own for own in runs[0]["figures"] if re.search(rf"\b{own}\b", runs[0]["claim"])]
        told = [_figures(runs, figure) for figure in named or [*runs[0]["figures"]][:4]]
        rows.append([f"`{name}`", runs[0]["claim"], "; ".join(told), f"{reached} of {len(runs)}"])
    rows.sort()
    return table(["", "what reaches it", "measured, one number a seed", "seeds"], rows)


def _figures(runs: list[dict[str, Any]], name: str) -> str:
    values = ", ".join(f"{own['figures'][name]:.3g}" for own in runs)
    return f"{name} {values}"


TABLES: dict[str, Callable[[Path], list[str]]] = {
    "competitors": competitors,
    "paper 1": paper("1", "pipelines/mnist", "competitors"),
    "paper 1 fashion": paper("1-fashion", *FASHION),
    "longer": longer,
    "paper 2": paper("2", "pipelines/dsprites", "disentanglement"),
    "paper 4": paper("4", "pipelines/mnist", "competitors"),
    "paper 4 fashion": paper("4-fashion", *FASHION),
    "signatures": signatures,
}
