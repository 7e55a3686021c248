"""``ssavl render comparison``: the scores of several methods, with error bars over seeds (Fig. 17)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ssavl.errors import UserError
from ssavl.figures.comparison import comparison_plot
from ssavl.files import atomic, read_json
from ssavl.metrics.summary import Summary

ENDING = ".png"


def render_comparison(path: Path, metrics: Sequence[str], out: Path) -> Path:
    """Draw a summary that ``compare -o`` wrote as JSON, and return the file written.

    Args:
        path: ``{row: {metric: {mean, std, best, worst, low, high, n}}}``.
        metrics: a panel each; none stands for every metric that all rows have.
        out: a ``.png``.

    Raises:
        UserError: a file that is no such summary, a metric that no row has, another ending.
    """
    if out.suffix != ENDING:
        raise UserError(f"{out}: a figure is written as {ENDING}")
    table = _read(path)
    known = list(dict.fromkeys(metric for row in table.values() for metric in row))
    for metric in metrics:
        if metric not in known:
            raise UserError(f"{path} has no metric '{metric}', only {', '.join(known)}")
    wanted = list(metrics) or [metric for metric in known if all(metric in row for row in table.values())]
    if not wanted:
        raise UserError(f"{path} has no metric that all its rows have: name one with --metric, of {', '.join(known)}")
    with atomic(out) as file:
        comparison_plot(table, wanted).savefig(file, format="png", metadata={"Software": None})
    return out


def _read(path: Path) -> dict[str, dict[str, Summary]]:
    content: Any = read_json(path)
    try:
        table = {
            row: {metric: Summary(**own) for metric, own in _mapping(metrics).items()}
            for row, metrics in _mapping(content).items()
        }
    except TypeError:
        raise UserError(
            f"{path} is no summary of runs: `ssavl compare NAME=FOLDER... -o {path.name}` writes one"
        ) from None
    if not table:
        raise UserError(f"{path} holds no row: compare some runs first")
    return table


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError
    return value
