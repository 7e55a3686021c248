"""``retrain-R``: SS-AVL-R, both encoders together on the one joint bound of Eq. 18."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ssavl.datasets.prepared import MANIFEST, read_prepared
from ssavl.engine.run import Run
from ssavl.errors import UserError
from ssavl.generators import Source, load_generator
from ssavl.methods.ssavl import Fitting, joint_phase
from ssavl.models.bundle import check_fit
from ssavl.models.inference import load_inference_model
from ssavl.objectives.likelihood import Likelihood
from ssavl.params.stages import Params
from ssavl.runs.fitting import ReadImages, Watch, encoder_modules, leave_encoders, transformation
from ssavl.runs.workspace import Options, seed_everything, workspace

NAMES = {"generated": "ssavl-r", "real": "ssavl-r-real"}


def retrain_r(
    params: Params,
    gan: Source,
    encoders: Path,
    data: Path | None,
    out: Path,
    options: Options,
    watch: ReadImages | None = None,
) -> dict[str, Any]:
    """Write ``encoders.pt``, ``log.csv`` and ``run.json``.

    Args:
        encoders: the fitted encoders that it starts from.
        data: prepared data, for ``source: real`` alone; ``generated`` never opens it.
        watch: reads images for the columns ``watched/...`` of the log, and for nothing else.

    Raises:
        UserError: files that cannot be read or do not fit, encoders that leave a block out,
            ``real`` without data.
        Interrupted: a signal; the same command continues.
    """
    fit = params.retrain_r
    compute = options.compute()
    generator = compute.place(load_generator(gan))
    model = load_inference_model(encoders)
    check_fit(model, generator, encoders)
    space = generator.latent_space
    if model.space.dim != space.dim:
        raise UserError(
            f"{encoders} infers {model.space!r} alone: "
            f"the joint bound of Eq. 18 needs all of {space!r}"
        )
    model.name, model.image_noise = NAMES[fit.source], 0.0
    compute.place(model).requires_grad_(True)
    rng = seed_everything(params.seed, compute)
    transform = transformation(fit.transformations, rng)
    encoder_file = encoders / "encoders.pt" if encoders.is_dir() else encoders
    inputs = {**gan.files(), "encoders": encoder_file}
    if fit.source == "real":
        if data is None:
            raise UserError("retrain-R.source = real needs --data, the folder of prepared data")
        prepared = read_prepared(data)
        inputs["data"] = data / MANIFEST

        def images() -> Tensor:
            return prepared.draw("train", fit.batch_size, rng)
    else:

        @torch.no_grad()
        def images() -> Tensor:
            return generator(space.sample(fit.batch_size, rng))

    likelihood = Likelihood(params.likelihood.name, params.likelihood.sigma)
    settings = params.model_dump(
        mode="json", by_alias=True, include={"seed", "beta", "likelihood", "retrain_r"}
    )
    watched = Watch(watch, generator.image_shape)
    with workspace(
        "retrain-R", settings | gan.settings() | watched.settings, inputs, out, compute
    ) as work:
        modules = encoder_modules(model)
        fitting = Fitting(likelihood, params.beta, fit.relaxation)
        seen = images if transform is None else lambda: transform(images())
        phase = joint_phase(model, tuple(modules), generator, seen, fitting)
        probe = watched.probe(model, generator, likelihood, params.seed, compute)
        run = Run(modules, [phase], options.schedule(fit), compute, rng, work.scratch, probe=probe)
        run.train()
        return leave_encoders(run, model, work, generator, gan)
