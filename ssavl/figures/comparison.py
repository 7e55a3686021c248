"""Scores of several methods side by side, with intervals over seeds (Fig. 17)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from ssavl.metrics.summary import DIRECTIONS, Summary

PANELS = 3  # in a row
ARROWS = {"up": "higher is better", "down": "lower is better", None: ""}


def comparison_plot(table: Mapping[str, Mapping[str, Summary]], metrics: Sequence[str]) -> Figure:
    """A panel per metric, in it a row per method:
    the mean and its 95 % interval, and thinly the best and worst run.

    Points rather than bars: a bar's length means something from 0 on only, and few of these scales
    begin there. A single run has no interval; its point is hollow.

    Args:
        table: summaries by row and metric; a row without a metric is left out of its panel.
        metrics: at least one, in order.
    """
    columns = min(PANELS, len(metrics))
    lines = math.ceil(len(metrics) / columns)
    margin = 0.07 * max(map(len, table))
    size = (margin + 3.4 * columns, lines * (0.9 + 0.3 * len(table)))
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False, sharey=True).flatten()
    for axes, metric in zip(panels, metrics, strict=False):
        for index, own in enumerate(table.values()):
            if metric not in own:
                continue
            score, color = own[metric], f"C{index % 10}"
            several = score.n > 1
            if several and score.best is not None and score.worst is not None:
                axes.plot(
                    [score.best, score.worst],
                    [index, index],
                    "|",
                    color=color,
                    markersize=7,
                    alpha=0.6,
                )
            reach = [[score.mean - score.low], [score.high - score.mean]] if several else None
            axes.errorbar(
                score.mean, index, xerr=reach, fmt="o", color=color, capsize=4, markersize=5,
                markerfacecolor=color if several else "white",
            )  # fmt: skip
        direction = ARROWS[DIRECTIONS.get(metric)]
        axes.set_title(f"{metric} ({direction})" if direction else metric, fontsize=9)
        axes.set_yticks(
            range(len(table)), [_label(row, own) for row, own in table.items()], fontsize=8
        )
        axes.set_ylim(len(table) - 0.5, -0.5)
        axes.tick_params(labelsize=8)
        axes.grid(axis="x", alpha=0.3)
    for unused in panels[len(metrics) :]:
        unused.remove()
    figure.supxlabel("mean of the runs, its 95 % interval, best and worst run", fontsize=8)
    return figure


def _label(row: str, own: Mapping[str, Summary]) -> str:
    runs = {score.n for score in own.values()}
    return f"{row} (n = {max(runs)})" if runs else row
