"""What a fitted model does with images: ``encode``, ``reconstruct``, ``invert``, and so on."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from ssavl.cli.kinds import COUNT, FOLDER, PICTURES, TABLE, PathOf, Real
from ssavl.cli.options import target_option
from ssavl.cli.subject import Use, images_argument, uses_model

FORMATS = ("safetensors", "torch", "onnx")  # as in ssavl.uses.export, which would bring torch along


@click.command("encode")
@images_argument
@target_option(TABLE, "Table of latents to write: .npz, .csv or .parquet.")
@uses_model
def encode(use: Use, images: tuple[Path, ...], out: Path) -> None:
    """Latents of any number of IMAGES: files, folders, .npy arrays.

    One row per image, written as it goes: memory does not grow with their number.
    """
    if use.stops_here("encode", {"images": images, "out": out}):
        return
    from ssavl.uses.encode import encode as run

    result = run(use.model(), images, out, use.background)
    use.report(result, f"{out}: latents of {result['images']} images")


@click.command("reconstruct")
@images_argument
@target_option(PICTURES, "Folder for reconstructions as PNG files, or a .npy array of them.")
@click.option(
    "--errors",
    type=TABLE,
    show_default="errors.csv in the folder; none beside a .npy",
    help="Table for the error of each image: .npz, .csv or .parquet.",
)
@click.option(
    "--sheet",
    type=PathOf(".png"),
    help="Picture of the first images: original, encoded, refined; a .png.",
)
@click.option(
    "--refine",
    type=click.IntRange(1),
    default=50,
    show_default=True,
    help="Steps of refinement of the sheet's third row, as of `invert`.",
)
@uses_model
def reconstruct(
    use: Use,
    images: tuple[Path, ...],
    out: Path,
    errors: Path | None,
    sheet: Path | None,
    refine: int,
) -> None:
    """The generator's own version of IMAGES, and the error of each."""
    paths = {"images": images, "out": out, "errors": errors, "sheet": sheet}
    if use.stops_here("reconstruct", paths, refine=refine):
        return
    from ssavl.uses.reconstruct import reconstruct as run

    model = use.model()
    result = run(model, images, out, errors, use.background)
    if sheet is not None:
        from ssavl.uses.sheet import draw

        draw(model, images, sheet, refine, use.background)
    error = f"mean squared error {result['mse']:.4g} (summed over an image)"
    use.report(result, f"{out}: {result['images']} images, {error}")


@click.command("invert")
@images_argument
@target_option(TABLE, "Table of refined latents to write: .npz, .csv or .parquet.")
@click.option(
    "--pictures",
    type=PICTURES,
    help="Folder for the images of the refined latents as PNG files, or a .npy array of them.",
)
@click.option(
    "--refine",
    type=click.IntRange(0),
    default=100,
    show_default=True,
    help="Steps of refinement, each a pass through the generator, forth and back; 0 leaves the "
    "encoder's latents as they are.",
)
@click.option(
    "--optimiser",
    type=click.Choice(["lbfgs", "adam"]),
    default="lbfgs",
    show_default=True,
    help="Optimiser of the latents: lbfgs, with a line search per image, or adam.",
)
@click.option(
    "--learning-rate",
    type=Real(0, min_open=True),
    default=0.1,
    show_default=True,
    help="Learning rate of adam; lbfgs finds its own steps.",
)
@click.option(
    "--prior-weight",
    type=Real(0),
    default=0.001,
    show_default=True,
    help="Weight of the pull towards the prior, against the squared error.",
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
    settings = {
        "refine": refine,
        "optimiser": optimiser,
        "learning_rate": learning_rate,
        "prior_weight": prior_weight,
    }
    paths = {"images": images, "out": out, "pictures": pictures}
    if use.stops_here("invert", paths, **settings):
        return
    from ssavl.inversion.refinement import Refinement
    from ssavl.uses.invert import invert as run

    refinement = Refinement(refine, optimiser, learning_rate, prior_weight)
    result = run(use.model(), images, out, pictures, refinement, use.background)
    before, after = result["before"]["mse"], result["after"]["mse"]
    error = f"mean squared error {before:.4g} encoded, {after:.4g} refined"
    use.report(result, f"{out}: {result['images']} images, {error}")


@click.command("interpolate")
@images_argument
@target_option(PathOf(".png", ".gif"), "Picture to write: a .png with a row per walk, or a .gif.")
@click.option(
    "--steps",
    type=click.IntRange(2, 1000),
    default=10,
    show_default=True,
    help="Steps from each image to the next, ends included.",
)
@click.option(
    "--refine",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Steps of refinement of what was encoded, as of `invert`.",
)
@uses_model
def interpolate(use: Use, images: tuple[Path, ...], out: Path, steps: int, refine: int) -> None:
    """Walk from each of IMAGES to the next, through their latents.

    In place of images, tables of latents as `encode`, `invert` and `sample` write them.
    """
    if use.stops_here("interpolate", {"images": images, "out": out}, steps=steps, refine=refine):
        return
    from ssavl.uses.interpolate import interpolate as run

    result = run(use.model(), images, out, steps, use.background, refine)
    use.report(result, f"{out}: {result['images']} images, {steps} steps from each to the next")


@click.command("score")
@images_argument
@target_option(TABLE, "Table of bounds to write: .npz, .csv or .parquet.")
@click.option(
    "--samples",
    type=COUNT,
    default=16,
    show_default=True,
    help="Draws from the posterior per image.",
)
@click.option(
    "--among",
    type=click.IntRange(0),
    default=1000,
    show_default=True,
    help="Generated images that an image is ranked among, scored once and kept beside the "
    "encoders; 0 for no rank.",
)
@uses_model
def score(use: Use, images: tuple[Path, ...], out: Path, samples: int, among: int) -> None:
    """Bounds on log p(x) for each of IMAGES, and its rank among the generator's own.

    A rank near 0 says that the generator makes nothing like it.
    """
    if use.stops_here("score", {"images": images, "out": out}, samples=samples, among=among):
        return
    from ssavl.objectives.likelihood import Likelihood
    from ssavl.uses.score import score as run

    named = use.shared.load().likelihood
    likelihood = Likelihood.of(named)
    result = run(use.model(), images, out, samples, likelihood, use.background, among)
    ll, generated, rank = (result[name] for name in ("ll", "ll_of_generated", "rank"))
    bounds = f"ll {_short(ll)} ({_short(generated)} of generated images)"
    use.report(result, f"{out}: {result['images']} images, {bounds}, mean rank {_short(rank, 3)}")


def _short(value: float | None, digits: int = 4) -> str:
    """So many digits; ``-`` for what a model has not."""
    return "-" if value is None else f"{value:.{digits}g}"


@click.command("export")
@target_option(FOLDER, "Folder to write.")
@click.option(
    "--format",
    "formats",
    type=click.Choice(FORMATS),
    multiple=True,
    show_default="all",
    help="Format to write; may be repeated.",
)
@uses_model
def export(use: Use, out: Path, formats: tuple[str, ...]) -> None:
    """Encoders, and a generator of ours, for other programs: safetensors, torch.export, ONNX.

    Each file is read back and must give the original's numbers before it counts.
    """
    wanted = formats or FORMATS
    if use.stops_here("export", {"out": out}, formats=wanted):
        return
    from ssavl.uses.export import export as run

    result = run(use.model(), out, wanted)
    lines = [f"{path}: within {apart:.1g}" for path, apart in result["files"].items()]
    use.report(result, "\n".join(lines))
