"""Curves of a run: surrogates and reconstruction error against the iteration (Figs. 9c and 18)."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

Table = Mapping[str, list[float]]  # the columns of a log.csv

PANELS = (
    ("log-likelihood surrogates on {images} (nats)", ("ll", "ll_code", "ll_noise")),
    ("squared error of the reconstruction, {images}", ("mse",)),
)
IMAGES = {"heldout": "held-out generated images", "watched": "watched images"}
STYLES = {"ll": "-", "ll_code": "--", "ll_noise": ":", "mse": "-"}
NAMES = {"ll": "1: Eq. 18", "ll_code": "2: Eq. 13", "ll_noise": "3: Eq. 16", "mse": "MSE"}


def fit_curves(logs: Mapping[str, Table]) -> Figure:
    """A panel of surrogates and one of reconstruction error, a colour per model;
    two more where images were watched.

    Args:
        logs: the log of each model by its name; columns that a log lacks are left out.
    """
    subjects = ["heldout"]
    if any("watched/mse" in log for log in logs.values()):
        subjects.append("watched")
    figure = Figure(figsize=(9, 4.2 * len(subjects)), dpi=120, layout="constrained")
    rows = figure.subplots(len(subjects), len(PANELS), squeeze=False)
    for subject, row in zip(subjects, rows, strict=True):
        for axes, (title, columns) in zip(row, PANELS, strict=True):
            for index, (model, log) in enumerate(logs.items()):
                for column in columns:
                    if f"{subject}/{column}" in log:
                        label = f"{model}, {NAMES[column]}"
                        values = log[f"{subject}/{column}"]
                        axes.plot(
                            log["step"], values, STYLES[column], color=f"C{index}", label=label
                        )
            axes.set_title(title.format(images=IMAGES[subject]), fontsize=9)
            axes.set_xlabel("iteration", fontsize=8)
            axes.tick_params(labelsize=8)
            axes.grid(alpha=0.3)
            if axes.lines:  # below: it hides no curve
                axes.legend(fontsize=7, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.16))
    return figure


def gan_curves(log: Table) -> Figure:
    """The critic's estimate of the Wasserstein distance, and the information in each block,
    against the iteration.
    """
    figure = Figure(figsize=(9, 3.4), dpi=120, layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(log["step"], log["critic/wasserstein"])
    left.set_title("Wasserstein distance by the critic", fontsize=9)
    for column, values in log.items():
        _, _, term = column.partition("/mi_")
        if term:
            right.plot(log["step"], values, label=term)
    right.set_title("bound on the mutual information (nats)", fontsize=9)
    for axes in (left, right):
        axes.set_xlabel("iteration", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
    if right.lines:
        right.legend(fontsize=7)
    return figure


def training_curves(log: Table) -> Figure:
    """What each phase of a training minimised, and its terms, against the iteration: a panel per
    phase.
    """
    phases: dict[str, dict[str, list[float]]] = {}
    for column, values in log.items():
        phase, _, term = column.partition("/")
        if term and phase not in IMAGES:
            phases.setdefault(phase, {})[term] = values
    figure = Figure(figsize=(9, 3.4 * len(phases)), dpi=120, layout="constrained")
    panels = figure.subplots(len(phases), 1, squeeze=False).flatten()
    for axes, (phase, terms) in zip(panels, phases.items(), strict=True):
        for term, values in terms.items():
            axes.plot(log["step"], values, label=term)
        axes.set_title(phase, fontsize=9)
        axes.set_xlabel("iteration", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7)
    return figure
