"""``train``: any method of the registry, from real images."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from ssavl.datasets.prepared import MANIFEST, read_prepared
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
    compute = options.compute()
    rng = seed_everything(params.seed, compute)
    draws = read_prepared(data).draws("train", rng)
    method = make(name, own, Common.of(params, params.train, rng), draws)
    minutes = params.train.cpu_minutes
    seconds = None if minutes is None else 60 * minutes
    inputs = {"data": data / MANIFEST}
    job = training.Job("train", settings, inputs, out, options, compute, rng, seconds)
    leave = partial(leave_model, out / "model.pt", name, settings, method.leaves)
    return training.train(job, method, leave)
