"""Tables of Ye & Bors 2024, their own numbers beside what was measured here.

The paper takes most of its numbers out of other papers, which measured them on other splits, with
other networks and other rules. What differs is said under each table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ssavl.errors import UserError
from ssavl.metrics.summary import DIRECTIONS, Summary

Rows = Mapping[str, Mapping[str, Summary]]  # of `ssavl compare`


@dataclass(frozen=True)
class Printed:
    """A row as the paper prints it.

    Attributes:
        label: of the row, without its citation.
        name: of the row of ours that belongs beside it.
        values: by column of the paper, as printed.
    """

    label: str
    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Layout:
    """A table: what the paper prints, which of our metrics stand beside it, what differs."""

    printed: tuple[str, ...]
    metrics: Mapping[str, tuple[str, int, float]]  # heading -> metric, decimals, factor
    rows: tuple[Printed, ...]
    notes: tuple[str, ...]
    reads: str  # a metric without which a row of ours has no place in it


PERCENT = 100.0
OURS = {"ss-avl/ssavl": "ss-avl", "ss-avl/ssavl-r": "ss-avl-r"}  # rows of a run named ss-avl
WIDE = re.compile(r".+(?P<components>-k\d+)/k-means")  # k-means beside a run of so many categories

CLUSTERS = Layout(
    ("K", "mean", "best"),
    {
        "one-to-one": ("accuracy", 2, PERCENT),
        "majority": ("accuracy_majority", 2, PERCENT),
    },
    (
        Printed("SS-AVL", "ss-avl", ("1", "95.42", "96.15")),
        Printed("JointVAE", "joint-vae", ("1", "71.53", "87.32")),
        Printed("SubGAN", "sub-gan-k20", ("20", "89.72", "90.81")),
        Printed("InfoGAN", "infogan", ("1", "91.98", "93.35")),
        Printed("GMVAE", "gmvae-k30", ("30", "87.45", "89.27")),
        Printed("GMVAE", "gmvae-k16", ("16", "87.12", "87.82")),
        Printed("AAE", "aae-k16", ("16", "88.82", "90.45")),
        Printed("CatGAN", "catgan-k30", ("30", "93.67", "95.73")),
        Printed("DEC", "dec", ("10", "83.26", "84.30")),
        Printed("PixelGAN", "pixelgan-ae-k30", ("30", "93.57", "94.73")),
    ),
    (
        "The paper prints K = 1 where a method has no mixture; its category has ten values there.",
        "Numbers of rows with K above 10 are by majority in their papers: compare them with that "
        "column alone. More components make that one rise by themselves.",
        "The paper's runs are of all 60,000 training digits.",
    ),
    "accuracy",
)
FASHION_CLUSTERS = Layout(
    CLUSTERS.printed,
    CLUSTERS.metrics,
    (
        Printed("SS-AVL", "ss-avl", ("1", "51.62", "52.53")),
        Printed("JointVAE", "joint-vae", ("1", "48.57", "49.83")),
        Printed("InfoGAN", "infogan", ("1", "38.63", "39.80")),
    ),
    CLUSTERS.notes[:1],
    "accuracy",
)
DISENTANGLEMENT = Layout(
    ("score",),
    {
        "by `jointvae`": ("factor_vae_jointvae", 3, 1.0),
        "by `cascade`": ("factor_vae_cascade", 3, 1.0),
        "by `ubisoft`": ("factor_vae_ubisoft", 3, 1.0),
        "by `dlib`": ("factor_vae_dlib", 3, 1.0),
    },
    (
        Printed("SS-AVL", "ss-avl", ("0.79",)),
        Printed("Beta-VAE", "beta-vae", ("0.73",)),
        Printed("FactorVAE", "factor-vae", ("0.82",)),
        Printed("JointVAE", "joint-vae", ("0.69",)),
    ),
    (
        "The paper takes all numbers but its own out of JointVAE's paper.",
        "One score, several protocols: each column is a preset of `evaluate disentanglement`.",
    ),
    "factor_vae_jointvae",
)
BOUNDS = Layout(
    ("LL", "MSE"),
    {"LL": ("ll", 2, 1.0), "squared error": ("mse", 2, 1.0)},
    (
        Printed("SS-AVL", "ss-avl", ("-59.01", "35.39")),
        Printed("SS-AVL-R", "ss-avl-r", ("-53.14", "34.04")),
    ),
    (
        "LL is minus the squared error of a drawn reconstruction, minus divergences in nats; MSE "
        "the squared error at the mode, summed over pixels.",
        "LL is a bound where q is what the method infers by. Where a method has no density of "
        "latents it has none.",
    ),
    "mse",
)
FASHION_BOUNDS = Layout(
    BOUNDS.printed,
    BOUNDS.metrics,
    (
        Printed("SS-AVL", "ss-avl", ("-46.39", "29.41")),
        Printed("SS-AVL-R", "ss-avl-r", ("-41.20", "27.91")),
    ),
    BOUNDS.notes,
    "mse",
)

LAYOUTS = {
    "1": CLUSTERS,
    "1-fashion": FASHION_CLUSTERS,
    "2": DISENTANGLEMENT,
    "4": BOUNDS,
    "4-fashion": FASHION_BOUNDS,
}


def laid_out(rows: Rows, number: str) -> str:
    """A table of the paper in Markdown, with notes below; as :func:`cells`."""
    lines = cells(rows, number)
    text = [f"| {' | '.join(line)} |" for line in [lines[0], ["---"] * len(lines[0]), *lines[1:]]]
    return "\n".join([*text, "", *(f"- {note}" for note in LAYOUTS[number].notes)]) + "\n"


def cells(rows: Rows, number: str) -> list[list[str]]:
    """A table of the paper: its heading, its own rows in their order, then ours beside, best first.

    Args:
        rows: of :func:`ssavl.uses.compare.compare`; ``METHOD`` or ``METHOD-kK``, where K is the
            number of categories where that is not the study's. Rows ``NAME/MODEL`` are of what
            stands beside a model. Of these only k-means is kept, once for each K, and what a run
            named ``ss-avl`` has.
        number: of :data:`LAYOUTS`.

    Raises:
        UserError: no row has a place in this table.
    """
    layout, left = LAYOUTS[number], placed(rows)
    left = {name: own for name, own in left.items() if layout.reads in own}
    if not left:
        raise UserError(
            f"no run has a {layout.reads}, so none has a place in table {number}: `ssavl evaluate` "
            "measures it"
        )
    head = ["", *(f"paper: {name}" for name in layout.printed)]
    head += [*(f"ours: {name}" for name in layout.metrics), "seeds"]
    lines = [
        [printed.label, *printed.values, *_ours(layout, left.pop(printed.name, None))]
        for printed in layout.rows
    ]
    lines += [
        [f"`{name}`", *("-" for _ in layout.printed), *_ours(layout, left[name])]
        for name in sorted(left, key=lambda name: _order(layout, left[name]))
    ]
    return [head, *lines]


def placed(rows: Rows) -> dict[str, Mapping[str, Summary]]:
    """Rows that stand for something by themselves, by the name that they go by in a table.

    All runs of one K have the same k-means: that of most seeds is kept.
    """
    found: dict[str, Mapping[str, Summary]] = {}
    for row, own in rows.items():
        name = OURS.get(row, row)
        if row.endswith("/k-means"):
            wide = WIDE.fullmatch(row)
            name = f"k-means{wide['components'] if wide else ''}"
            if name in found and _seeds(found[name]) >= _seeds(own):
                continue
        if "/" not in name:
            found[name] = own
    return found


def _seeds(own: Mapping[str, Summary]) -> int:
    return max(summary.n for summary in own.values())


def _ours(layout: Layout, own: Mapping[str, Summary] | None) -> list[str]:
    """Cells of what was measured here: mean ± deviation (best), and the number of seeds."""
    if own is None:
        return ["-" for _ in layout.metrics] + ["0"]
    cells = []
    for metric, places, factor in layout.metrics.values():
        found = own.get(metric)
        if found is None:
            cells.append("-")
            continue
        text = f"{factor * found.mean:.{places}f}"
        if found.n > 1:
            text += f" ± {factor * found.std:.{places}f}"
            text += f" ({factor * found.best:.{places}f})" if found.best is not None else ""
        cells.append(text)
    return [*cells, str(own[layout.reads].n)]


def _order(layout: Layout, own: Mapping[str, Summary]) -> float:
    """Least for the best row, by the metric that the table is about."""
    mean = own[layout.reads].mean
    return -mean if DIRECTIONS[layout.reads] == "up" else mean
