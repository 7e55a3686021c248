"""``train`` and ``train-gan``: any method of the registry, from real images."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from ssavl.datasets.prepared import MANIFEST, read_prepared
from ssavl.errors import UserError
from ssavl.images.draws import Draws
from ssavl.methods.method import Common, Method
from ssavl.methods.registry import find, own_params
from ssavl.objectives.likelihood import Likelihood
from ssavl.params.section import Section
from ssavl.params.shared import OptimisationParams
from ssavl.params.stages import Params
from ssavl.runs.leaving import leave_generator, leave_model
from ssavl.runs.training import Job
from ssavl.runs.training import train as run
from ssavl.runs.workspace import Options, seed_everything


def train(params: Params, data: Path, out: Path, options: Options) -> dict[str, Any]:
    """Train the method that ``train.method`` names; write what it leaves, logs, ``run.json``.

    Raises:
        UserError: an unknown method, parameters that it has not, missing data, images that its
            networks cannot make, a loss that is not finite.
        Interrupted: a signal; the same command continues.
    """
    name = params.train.method
    own = own_params(name, params.methods.get(name, {}))
    read = {"seed", "latents", "networks", "beta", "likelihood", "train"}
    settings = params.model_dump(mode="json", by_alias=True, include=read)
    settings["methods"] = {name: own.model_dump(mode="json")}
    job, draws = _job("train", params, settings, data, out, options)
    method = _build(name, own, params.train, params, draws)
    return run(job, method, partial(leave_model, out, name, method.leaves))


def train_gan(params: Params, data: Path, out: Path, options: Options) -> dict[str, Any]:
    """Train SS-AVL's generator; write ``generator.pt``, logs and ``run.json``.

    ``generator.pt`` also holds the encoders that the training left: the code encoder of L_MI, under
    ``interleaved`` the noise encoder too.

    Raises:
        UserError: missing data or too little to cluster, images that the networks cannot make, a
            loss that is not finite.
        Interrupted: a signal; the same command continues.
    """
    read = {"seed", "latents", "networks", "train_gan"}
    settings = params.model_dump(mode="json", by_alias=True, include=read)
    job, draws = _job("train-gan", params, settings, data, out, options)
    method = _build("ss-avl", params.train_gan, params.train_gan, params, draws)
    return run(job, method, partial(leave_generator, out, method.leaves))


def _job(
    stage: str, params: Params, settings: dict[str, Any], data: Path, out: Path, options: Options
) -> tuple[Job, Draws]:
    compute = options.compute()
    prepared = read_prepared(data)
    rng = seed_everything(params.seed, compute)
    job = Job(stage, settings, {"data": data / MANIFEST}, out, options, compute, rng)
    return job, prepared.draws("train", rng)


def _build(
    name: str, own: Section, optimisation: OptimisationParams, params: Params, draws: Draws
) -> Method:
    common = Common(
        optimisation,
        params.latents,
        params.networks,
        Likelihood.of(params.likelihood),
        params.beta,
        params.seed,
        draws.rng,
    )
    try:
        return find(name).build(own, common, draws)
    except ValueError as error:
        raise UserError(f"{name}: {error}") from None
