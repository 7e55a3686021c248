"""``train-vae``: the baseline of SS-AVL's own architecture that learns from real images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ssavl.datasets.prepared import MANIFEST, read_prepared
from ssavl.engine.run import Run
from ssavl.errors import UserError
from ssavl.generators import WeightsFile
from ssavl.generators.own import save_generator
from ssavl.methods.ssavl import Fitting
from ssavl.methods.vae import build_vae, vae_phases
from ssavl.objectives.likelihood import Likelihood
from ssavl.params.stages import Params
from ssavl.runs.fitting import encoder_modules, leave_encoders
from ssavl.runs.workspace import Options, seed_everything, workspace


def train_vae(params: Params, data: Path, out: Path, options: Options) -> dict[str, Any]:
    """Write ``generator.pt``, ``encoders.pt``, ``log.csv`` and ``run.json``.

    Raises:
        UserError: missing data, images that the networks cannot make, a loss that is not finite.
        Interrupted: a signal; the same command continues.
    """
    train = params.train_vae
    compute = options.compute()
    prepared = read_prepared(data)
    rng = seed_everything(params.seed, compute)
    try:
        generator, model = build_vae(params.train_gan, prepared.image_shape)
    except ValueError as error:
        raise UserError(f"train-vae: {error}") from None
    compute.place(generator)
    compute.place(model)
    likelihood = Likelihood(params.likelihood.name, params.likelihood.sigma)
    sections = {"seed", "beta", "likelihood", "train_vae"}
    networks = {
        "width",
        "hidden",
        "encoder",
        "noise_dim",
        "code_dim",
        "code_prior",
        "categories",
        "block_gain",
    }
    settings = params.model_dump(mode="json", by_alias=True, include=sections)
    settings["train-gan"] = params.train_gan.model_dump(mode="json", include=networks)
    with workspace("train-vae", settings, {"data": data / MANIFEST}, out, compute) as work:
        encoders = encoder_modules(model)
        phases = vae_phases(
            model,
            tuple(encoders),
            generator,
            lambda: prepared.draw("train", train.batch_size, rng),
            Fitting(likelihood, params.beta, train.relaxation),
        )
        modules = {"generator": generator, **encoders}
        run = Run(modules, phases, options.schedule(train), compute, rng, work.scratch)
        run.train()
        save_generator(out / "generator.pt", generator.cpu().eval(), [])
        return leave_encoders(run, model, work, generator, WeightsFile(out / "generator.pt"))
