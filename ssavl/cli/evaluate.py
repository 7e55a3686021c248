"""``ssavl evaluate``: the pipeline's stage, and a sub-command per further kind of measurement."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ssavl.cli.default_group import DefaultGroup
from ssavl.cli.judge import fidelity, traversal
from ssavl.cli.kinds import COUNT, PATH, TEXT
from ssavl.cli.options import (
    Common,
    common,
    data_option,
    encoders_option,
    out_option,
)
from ssavl.cli.parameter import parameter, split_option
from ssavl.cli.results import table
from ssavl.cli.subject import GanFlags, gan_options


@click.command("models")
@gan_options
@encoders_option("Encoders to measure; may be repeated.")
@data_option
@out_option("data/evaluate")
@split_option("evaluate", ["test", "validation"])
@common()
def models(
    shared: Common,
    gan: GanFlags,
    encoders: tuple[Path, ...],
    data: Path,
    out: Path,
) -> None:
    """Measure encoders side by side (the default).

    Clustering against labels, reconstruction, surrogates of the likelihood; k-means on pixels
    beside.
    """
    params = shared.load()
    source = gan.source(params.gan_ckpt)
    paths = {"gan": source.spec, "encoders": encoders, "data": data, "out": out}
    if shared.stops_here("evaluate", params.evaluate.model_dump(mode="json"), paths):
        return
    from ssavl.evaluate.models import evaluate as stage

    result = stage(params, data, source, encoders, out, shared.options())
    lines = [table({**result["metrics"], **result["baselines"]})]
    for name, counts in result["confusion"]["counts"].items():
        used = sum(1 for row in counts if sum(row))
        lines.append(f"{name}: {used} of {len(counts)} categories used")
    shared.report(result, "\n".join(lines))


@click.command("disentanglement")
@click.option(
    "--encoders",
    type=PATH,
    multiple=True,
    help="Encoders to measure on the images of --data; may be repeated.",
)
@click.option(
    "--data",
    type=TEXT,
    metavar="DATA",
    help="Images of known factors: dsprites or rooms (rendered); celeba, chairs, faces-3d or "
    "shapes3d with --images; the official file of one; or a .csv with the column `file` and a "
    "column per factor.",
)
@click.option(
    "--images",
    type=PATH,
    show_default="that of the .csv",
    help="Folder of the data set's official files, or that `file` of a .csv is relative to.",
)
@click.option(
    "--codes",
    type=PATH,
    multiple=True,
    help="Codes to measure in place of --encoders: an .npz with `codes` (N, D) and `factors` "
    "(N, F) of any encoder; may be repeated.",
)
@out_option("data/evaluate")
@common()
def disentanglement(
    shared: Common,
    encoders: tuple[Path, ...],
    data: str | None,
    images: Path | None,
    codes: tuple[Path, ...],
    out: Path,
) -> None:
    """Do dimensions of a code stand for factors of the images?

    FactorVAE score by four protocols, BetaVAE score, MIG, SAP, DCI, modularity; a category is one
    dimension. Every point is encoded once.
    """
    if bool(encoders) == bool(codes):
        raise click.UsageError("give --encoders with --data, or --codes")
    if encoders and data is None:
        known = "dsprites, rooms, an official file, or a .csv of factors"
        raise click.UsageError(f"--encoders need --data: {known}")
    if codes and (data is not None or images is not None):
        raise click.UsageError("--codes hold their factors: leave --data and --images out")
    params = shared.load()
    settings = params.evaluate_disentanglement.model_dump(mode="json")
    paths = {"encoders": encoders, "data": data, "images": images, "codes": codes, "out": out}
    if shared.stops_here("evaluate disentanglement", settings, paths):
        return
    from ssavl.evaluate.disentanglement import of_codes, of_encoders

    if data is None:
        result = of_codes(params, codes, out)
    else:
        compute = shared.device, shared.precision
        result = of_encoders(params, encoders, data, images, out, *compute)
    shared.report(result, table(result["scores"]))


@click.command("likelihood")
@gan_options
@encoders_option("Encoders to measure; may be repeated. Annealing starts at the first.")
@data_option
@out_option("data/evaluate")
@split_option("evaluate-likelihood", ["train", "validation", "test"])
@parameter(
    "evaluate-likelihood.images",
    16,
    COUNT,
    "Images to measure of the split, and as many of the generator.",
)
@parameter(
    "evaluate-likelihood.k",
    (1, 50, 5000),
    COUNT,
    "Draws of an importance-weighted bound; may be repeated.",
    multiple=True,
)
@parameter(
    "evaluate-likelihood.temperatures",
    500,
    click.IntRange(0),
    "Temperatures of annealing; 0 leaves annealing out.",
)
@parameter("evaluate-likelihood.chains", 8, COUNT, "Chains of annealing per image.")
@parameter(
    "evaluate-likelihood.start",
    "encoder",
    click.Choice(["encoder", "prior"]),
    "Distribution that annealing starts at.",
)
@parameter(
    "evaluate-likelihood.sigma_from",
    "given",
    click.Choice(["given", "generated", "train", "validation", "test"]),
    "Source of a Gaussian likelihood's sigma: given by the parameters, or learned on generated "
    "images or on images of a split.",
)
@common()
def likelihood(
    shared: Common,
    gan: GanFlags,
    encoders: tuple[Path, ...],
    data: Path,
    out: Path,
) -> None:
    """Bound log p(x) from below and from above.

    Importance weighting and annealed importance sampling beside the surrogates, on a split and on
    generated images; on these the annealed bounds enclose the truth.
    """
    params = shared.load()
    source = gan.source(params.gan_ckpt)
    paths = {"gan": source.spec, "encoders": encoders, "data": data, "out": out}
    own = params.evaluate_likelihood.model_dump(mode="json")
    settings = {**params.likelihood.model_dump(), **own}
    if shared.stops_here("evaluate likelihood", settings, paths):
        return
    from ssavl.evaluate.likelihood import evaluate_likelihood as run

    result = run(params, data, source, encoders, out, shared.options())
    shared.report(result, _likelihood_text(result))


def _likelihood_text(result: Mapping[str, Any]) -> str:
    """A table for each kind of images of ``evaluate likelihood``."""
    model = result["likelihood"]
    head = f"likelihood: {model['name']}"
    if model["sigma"]:
        head += f", sigma {model['sigma']:.4g} ({model['sigma_from']})"
    if not model["normalised"]:
        head += ", not normalised"
    lines = [head]
    for subject, methods in result["nats"].items():
        means = {method: _means(bounds) for method, bounds in methods.items()}
        lines += ["", f"{subject} images, nats", table(means, digits=2)]
    return "\n".join(lines)


def _means(bounds: Mapping[str, Mapping[str, float] | None]) -> dict[str, float | None]:
    return {name: None if bound is None else bound["mean"] for name, bound in bounds.items()}


@click.group(cls=DefaultGroup)
def evaluate() -> None:
    """Measure: without a sub-command, every model of the pipeline side by side.

    `ssavl evaluate OPTIONS` is `ssavl evaluate models OPTIONS`.
    """


for command in (models, disentanglement, fidelity, likelihood, traversal):
    evaluate.add_command(command)
