"""``train`` and ``train-gan``: any method of the registry, from real images."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from ssavl.datasets.prepared import MANIFEST, read_prepared
from ssavl.images.draws import Draws
from ssavl.methods.method import Common
from ssavl.methods.registry import make, own_params
from ssavl.params.stages import Params
from ssavl.runs import training
from ssavl.runs.leaving import leave_model
from ssavl.runs.workspace import Options, seed_everything


def train(params: Params, data: Path, out: Path, options: Options) -> dict[str, Any]:
    """Train the method that ``train.method`` names; write ``model.pt``, logs and ``run.json``.

    Raises:
        UserError: an unknown method, parameters that it has not, missing data, images that its
            networks cannot make, a loss that is not finite.
        Interrupted: a signal; the same command continues.
    """
    name = params.train.method
    own = own_params(name, params.methods.get(name, {}))
    settings = params.of("beta", "likelihood", "latents", "networks", "train")
    settings["methods"] = {name: own.model_dump(mode="json")}
    job, draws = _job("train", settings, params.seed, data, out, options)
    method = make(name, own, Common.of(params, params.train, job.rng), draws)
    leave = partial(leave_model, out / "model.pt", name, settings, method.leaves)
    return training.train(job, method, leave)


def train_gan(params: Params, data: Path, out: Path, options: Options) -> dict[str, Any]:
    """Train SS-AVL's generator; write ``generator.pt``, logs and ``run.json``.

    ``generator.pt`` also holds the encoders that the training left: the code encoder of L_MI, under
    ``interleaved`` the noise encoder too. Raises as :func:`train`.
    """
    own = params.train_gan
    settings = params.of("latents", "networks", "train_gan")
    job, draws = _job("train-gan", settings, params.seed, data, out, options)
    method = make("ss-avl", own, Common.of(params, own, job.rng), draws)
    leave = partial(leave_model, out / "generator.pt", "ss-avl", settings, method.leaves)
    return training.train(job, method, leave)


def _job(
    stage: str, settings: dict[str, Any], seed: int, data: Path, out: Path, options: Options
) -> tuple[training.Job, Draws]:
    compute = options.compute()
    prepared = read_prepared(data)
    rng = seed_everything(seed, compute)
    job = training.Job(stage, settings, {"data": data / MANIFEST}, out, options, compute, rng)
    return job, prepared.draws("train", rng)
