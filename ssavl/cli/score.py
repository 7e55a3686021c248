"""``ssavl score``."""

from __future__ import annotations

from pathlib import Path

import click

from ssavl.cli.options import PATH
from ssavl.cli.use import Use, images_argument, uses_model


@click.command("score")
@images_argument
@click.option("-o", "--out", type=PATH, required=True, help="Table to write: .npz, .csv or .parquet.")
@click.option("--samples", type=click.IntRange(1), default=16, show_default=True, help="Of the posterior, per image.")
@uses_model
def score(use: Use, images: tuple[Path, ...], out: Path, samples: int) -> None:
    """Bounds on log p(x) for each of IMAGES, and its rank among the generator's own.

    A rank near 0 says that the generator makes nothing like it.
    """
    if use.stops_here("score", {"images": images, "out": out}, samples=samples):
        return
    from ssavl.objectives.likelihood import Likelihood
    from ssavl.uses.score import score as run

    likelihood = use.shared.load().likelihood
    model = use.model()
    result = run(model, images, out, samples, Likelihood(likelihood.name, likelihood.sigma), use.batch_size)
    text = (
        f"{out}: {result['images']} images, ll {result['ll']:.4g} ({result['ll_of_generated']:.4g} of generated images)"
    )
    use.report(result, f"{text}, mean rank {result['rank']:.3g}")
