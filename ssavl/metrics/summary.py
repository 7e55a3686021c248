"""A metric over several runs: mean, spread, extremes and a confidence interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from scipy import stats

from ssavl.metrics.disentanglement.factor_vae import PRESETS

CONFIDENCE = 0.95  # of the interval of the mean

Direction = Literal["up", "down"]

DIRECTIONS: dict[str, Direction] = {
    **dict.fromkeys((f"factor_vae_{preset}" for preset in PRESETS), "up"),
    **dict.fromkeys(("beta_vae", "mig", "sap", "modularity"), "up"),
    **dict.fromkeys(("dci_disentanglement", "dci_completeness", "dci_informativeness"), "up"),
    **dict.fromkeys(
        (
            "accuracy",
            "accuracy_majority",
            "nmi",
            "ari",
            "ll",
            "ll_code",
            "ll_noise",
            "psnr",
            "ssim",
        ),
        "up",
    ),
    **dict.fromkeys(("kept_noise", "kept_code", "pure_category"), "up"),
    **dict.fromkeys(("kept_noise_worst", "kept_code_worst", "pure_category_worst"), "up"),
    **dict.fromkeys(("mse", "rmse", "rmse_255", "bits_per_dimension"), "down"),
    **dict.fromkeys(("calibration_noise", "calibration_code", "calibration_category"), "down"),
}  # which way is better; of a divergence neither is


@dataclass(frozen=True)
class Summary:
    """One metric over n runs.

    Attributes:
        mean: over the runs.
        std: sample deviation (n - 1); 0 for a single run.
        best, worst: of the runs, by the metric's direction; ``None`` where it has none.
        low, high: Student's 95 % interval of the mean; the mean itself for a single run.
        n: runs.
    """

    mean: float
    std: float
    best: float | None
    worst: float | None
    low: float
    high: float
    n: int

    def plain(self) -> dict[str, float | int | None]:
        """For a JSON document."""
        return asdict(self)


def summarise(values: Sequence[float], direction: Direction | None) -> Summary:
    """The summary of a metric's values, one per run.

    Raises:
        ValueError: no value.
    """
    if not values:
        raise ValueError("a summary needs at least one run")
    array = np.asarray(values, dtype=np.float64)
    n, mean = len(array), float(array.mean())
    std = half = 0.0
    if n > 1:
        std = float(array.std(ddof=1))
        half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * std / n**0.5
    highest, lowest = float(array.max()), float(array.min())
    best = worst = None
    if direction == "up":
        best, worst = highest, lowest
    elif direction == "down":
        best, worst = lowest, highest
    return Summary(mean, std, best, worst, mean - half, mean + half, n)


def winner(rows: Mapping[str, Summary], direction: Direction | None) -> str | None:
    """The row that is better than every other beyond both intervals;
    ``None`` where none is, or nothing is better.
    """
    if direction is None or len(rows) < 2 or any(row.n < 2 for row in rows.values()):
        return None
    means = {name: row.mean for name, row in rows.items()}
    if direction == "up":
        best = max(means, key=lambda name: means[name])
        clear = all(rows[best].low > row.high for name, row in rows.items() if name != best)
    else:
        best = min(means, key=lambda name: means[name])
        clear = all(rows[best].high < row.low for name, row in rows.items() if name != best)
    return best if clear else None
