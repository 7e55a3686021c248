"""What trains: the stages of the pipeline, the baseline and the judge."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from ssavl.cli.kinds import COUNT, PATH, Method, Real
from ssavl.cli.options import (
    Common,
    common,
    data_option,
    out_option,
    reader_of,
    watch_option,
)
from ssavl.cli.parameter import BatchSize, Command, parameter
from ssavl.cli.subject import GanFlags, gan_options


def iterations_option(section: str, built_in: int) -> Callable[[Command], Command]:
    """``--iterations`` of a training."""
    return parameter(f"{section}.iterations", built_in, COUNT, "Iterations of the whole run.")


beta_option = parameter("beta", 1.0, Real(0), "Weight of every KL divergence.")


@click.command("train-gan")
@data_option
@out_option("data/gan")
@parameter(
    "train-gan.schedule",
    "two-stage",
    click.Choice(["two-stage", "interleaved"]),
    "Schedule of the training; interleaved is Algorithm 1 to the letter, encoders included.",
)
@iterations_option("train-gan", 20000)
@common(trains=True)
def train_gan(shared: Common, data: Path, out: Path) -> None:
    """Train a generator with interpretable codes.

    The wake phase, a Wasserstein GAN, and the mutual information between codes and images (Eqs. 4,
    5, 21-24).
    """
    params = shared.load()
    sizes = params.model_dump(mode="json", include={"seed", "latents", "networks"})
    settings = {**sizes, **params.train_gan.model_dump(mode="json")}
    if shared.stops_here("train-gan", settings, {"data": data, "out": out}):
        return
    from ssavl.stages.train_gan import train_gan as stage

    result = stage(params, data, out, shared.options())
    size = f"{result['parameters']:,} parameters, {result['iterations']} iterations"
    shared.report(result, f"{result['generator']}: {size}")


@click.command("fit-encoders")
@gan_options
@out_option("data/encoders")
@parameter(
    "fit-encoders.encoders",
    "both",
    click.Choice(["both", "code", "noise"]),
    "Encoders to fit: both (SS-AVL), that of the codes (SS-AVL1) or of the noise (SS-AVL2).",
)
@parameter(
    "fit-encoders.objective",
    "latent-nll",
    click.Choice(["elbo", "latent-nll", "both"]),
    "Objective: elbo (Eqs. 25-27), latent-nll (needs no gradient of the generator), or both.",
)
@iterations_option("fit-encoders", 2000)
@parameter(
    "fit-encoders.batch_size",
    64,
    BatchSize(),
    "Images per update; auto is the largest batch that the GPU's memory holds.",
)
@beta_option
@watch_option
@common(trains=True)
def fit_encoders(shared: Common, gan: GanFlags, out: Path, watch: tuple[Path, ...]) -> None:
    """Fit encoders to a frozen generator, without data.

    The generator draws the images that its encoders learn from (Eqs. 25, 26; Eq. 27 where noise is
    all there is).
    """
    params = shared.load()
    source = gan.source(params.gan_ckpt)
    fit = params.fit_encoders.model_dump(mode="json")
    settings = {"seed": params.seed, "beta": params.beta, **fit}
    paths = {"gan": source.spec, "watch": watch, "out": out}
    if shared.stops_here("fit-encoders", settings, paths):
        return
    from ssavl.stages.fit_encoders import fit_encoders as stage

    result = stage(params, source, out, shared.options(), reader_of(watch))
    fitted = f"{result['model']}, {result['iterations']} iterations"
    shared.report(result, f"{result['encoders']}: {fitted}")


@click.command("retrain-R")
@gan_options
@click.option(
    "--encoders",
    type=PATH,
    default="data/encoders",
    show_default=True,
    help="Folder or file of the encoders to start from.",
)
@data_option
@out_option("data/encoders-r")
@parameter(
    "retrain-R.source",
    "generated",
    click.Choice(["generated", "real"]),
    "Images to learn from: generated (data-free), or real (the training images of --data).",
)
@iterations_option("retrain-R", 2000)
@beta_option
@watch_option
@common(trains=True)
def retrain_r(
    shared: Common,
    gan: GanFlags,
    encoders: Path,
    data: Path,
    out: Path,
    watch: tuple[Path, ...],
) -> None:
    """Retrain both encoders on one joint bound (SS-AVL-R).

    Eq. 18, on generated images, or with --source real on the training images as an upper bound.
    """
    params = shared.load()
    generator = gan.source(params.gan_ckpt)
    retrain = params.retrain_r.model_dump(mode="json")
    settings = {"seed": params.seed, "beta": params.beta, **retrain}
    needed = data if params.retrain_r.source == "real" else None
    paths = {"gan": generator.spec, "encoders": encoders, "data": needed, "watch": watch}
    if shared.stops_here("retrain-R", settings, {**paths, "out": out}):
        return
    from ssavl.stages.retrain_r import retrain_r as stage

    read = reader_of(watch)
    result = stage(params, generator, encoders, needed, out, shared.options(), read)
    fitted = f"{result['model']}, {result['iterations']} iterations"
    shared.report(result, f"{result['encoders']}: {fitted}")


@click.command("train")
@parameter("train.method", "vae", Method(), "Method to train, by its name in `ssavl methods`.")
@data_option
@out_option("data/model")
@iterations_option("train", 20000)
@common(trains=True)
def train(shared: Common, data: Path, out: Path) -> None:
    """Train any method on real images, in the networks of one size: to compare with.

    What a method reads of its own stands under `methods.NAME` of the parameters; `ssavl methods
    NAME` lists it.
    """
    params = shared.load()
    own = params.methods.get(params.train.method, {})
    settings = {"seed": params.seed, "beta": params.beta, **params.train.model_dump(mode="json")}
    if shared.stops_here("train", {**settings, "own": own}, {"data": data, "out": out}):
        return
    from ssavl.stages.train import train as stage

    result = stage(params, data, out, shared.options())
    shared.report(result, f"{out}: {params.train.method}, {result['iterations']} iterations")


@click.command("train-extractor")
@data_option
@out_option("data/extractor")
@iterations_option("train-extractor", 5000)
@common(trains=True)
def train_extractor(shared: Common, data: Path, out: Path) -> None:
    """Train the classifier that judges images.

    It learns the classes of the training split, and is what `evaluate fidelity` and `evaluate
    traversal` measure with. Nothing is trained or chosen by it.
    """
    params = shared.load()
    settings = {"seed": params.seed, **params.train_extractor.model_dump(mode="json")}
    if shared.stops_here("train-extractor", settings, {"data": data, "out": out}):
        return
    from ssavl.stages.train_extractor import train_extractor as stage

    result = stage(params, data, out, shared.options())
    accuracy = result["accuracy"].items()
    right = ", ".join(f"{share:.2%} of the {split} images" for split, share in accuracy)
    weights = f"{result['extractor']} (weights {result['weights']})"
    shared.report(result, f"{weights}: {right} classified right")
