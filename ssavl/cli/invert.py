"""``ssavl invert``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from ssavl.cli.options import PATH
from ssavl.cli.use import Use, images_argument, uses_model


@click.command("invert")
@images_argument
@click.option("-o", "--out", type=PATH, required=True, help="Table of latents to write: .npz, .csv or .parquet.")
@click.option("--pictures", type=PATH, help="Folder (or .npy) for the images of these latents.")
@click.option(
    "--refine",
    type=click.IntRange(0),
    default=100,
    show_default=True,
    help="Steps of optimisation; each is a pass through the generator, forth and back. 0 is the encoder alone.",
)
@click.option("--optimiser", type=click.Choice(["lbfgs", "adam"]), default="lbfgs", show_default=True)
@click.option(
    "--learning-rate", type=click.FloatRange(0, min_open=True), default=0.1, show_default=True, help="Of Adam."
)
@click.option(
    "--prior-weight", type=click.FloatRange(0), default=0.001, show_default=True, help="Pull towards the prior."
)
@uses_model
def invert(
    use: Use,
    images: tuple[Path, ...],
    out: Path,
    pictures: Path | None,
    refine: int,
    optimiser: Literal["adam", "lbfgs"],
    learning_rate: float,
    prior_weight: float,
) -> None:
    """Encode IMAGES, then refine their latents by gradient descent.

    In base space, with the prior as a penalty; the best point of each image is kept.
    """
    settings = {"refine": refine, "optimiser": optimiser, "learning_rate": learning_rate, "prior_weight": prior_weight}
    if use.stops_here("invert", {"images": images, "out": out, "pictures": pictures}, **settings):
        return
    from ssavl.inversion.refinement import Refinement
    from ssavl.uses.invert import invert as run

    refinement = Refinement(refine, optimiser, learning_rate, prior_weight)
    result = run(use.model(), images, out, pictures, refinement, use.batch_size)
    before, after = result["before"]["mse"], result["after"]["mse"]
    use.report(
        result, f"{out}: {result['images']} images, mean squared error {before:.4g} encoded, {after:.4g} refined"
    )
