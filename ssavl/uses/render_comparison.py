"""``ssavl render comparison``: the scores of several methods,
with error bars over seeds (Fig. 17).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ssavl.errors import UserError
from ssavl.figures.comparison import comparison_plot
from ssavl.figures.save import save_figure
from ssavl.uses.compare import read_table

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
    table = read_table(path)
    known = list(dict.fromkeys(metric for row in table.values() for metric in row))
    for metric in metrics:
        if metric not in known:
            raise UserError(f"{path} has no metric '{metric}', only {', '.join(known)}")
    wanted = list(metrics) or [
        metric for metric in known if all(metric in row for row in table.values())
    ]
    if not wanted:
        raise UserError(
            f"{path} has no metric that all its rows have: "
            f"name one with --metric, of {', '.join(known)}"
        )
    save_figure(out, comparison_plot(table, wanted))
    return out
