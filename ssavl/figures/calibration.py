"""Rank histograms and expected coverage of posteriors (Talts et al. 2018; Hermans et al. 2022)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ssavl.metrics.calibration import BINS, LEVELS, Calibration


def calibration_plot(models: Mapping[str, Mapping[str, Calibration]]) -> Figure:
    """A row per block: its ranks, flat where right,
    and its coverage with a confidence band, diagonal where right.

    Args:
        models: calibrations by model and block.
    """
    blocks = list(dict.fromkeys(block for found in models.values() for block in found))
    figure = Figure(figsize=(9, 0.6 + 3 * len(blocks)), dpi=120, layout="constrained")
    axes = figure.subplots(len(blocks), 2, squeeze=False)
    edges = np.linspace(0, 1, BINS + 1)
    for (left, right), block in zip(axes, blocks, strict=True):
        left.axhline(1, color="black", linewidth=0.8, linestyle=":")
        right.plot([0, 1], [0, 1], color="black", linewidth=0.8, linestyle=":")
        for index, (model, found) in enumerate(models.items()):
            if block not in found:
                continue
            own, color = found[block], f"C{index}"
            left.stairs(own.histogram * BINS, edges, color=color)
            right.plot(LEVELS, own.coverage, color=color, label=f"{model}: error {own.error:.3f}")
            low, high = own.coverage - own.half_band, own.coverage + own.half_band
            right.fill_between(LEVELS, low, high, color=color, alpha=0.25, linewidth=0)
        left.set_title(f"{block}: rank of the true latent", fontsize=9)
        left.set_ylim(bottom=0)
        left.set_ylabel("density", fontsize=8)
        right.set_title(f"{block}: expected coverage, 95 % band", fontsize=9)
        right.set_xlabel("level of the credible set", fontsize=8)
        right.set_ylabel("share of truths inside", fontsize=8)
        right.legend(fontsize=7)
        for panel in (left, right):
            panel.tick_params(labelsize=8)
            panel.grid(alpha=0.3)
    return figure
