"""``retrain-R``: SS-AVL-R, both encoders together on the one joint bound of Eq. 18."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from ssavl.datasets.prepared import MANIFEST, read_prepared
from ssavl.errors import UserError
from ssavl.generators import Source, load_generator
from ssavl.models.bundle import check_fit
from ssavl.models.inference import load_inference_model
from ssavl.objectives.likelihood import Likelihood
from ssavl.params.stages import Params
from ssavl.runs.fitting import Subject, joint
from ssavl.runs.leaving import leave_encoders
from ssavl.runs.training import Job, train
from ssavl.runs.watch import ReadImages, Watch
from ssavl.runs.workspace import Options, seed_everything


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
    compute.place(model)
    rng = seed_everything(params.seed, compute)
    inputs = {
        **gan.files(),
        "encoders": encoders / "encoders.pt" if encoders.is_dir() else encoders,
    }
    real = None
    if fit.source == "real":
        if data is None:
            raise UserError("retrain-R.source = real needs --data, the folder of prepared data")
        real = read_prepared(data).draws("train", rng).real
        inputs["data"] = data / MANIFEST
    likelihood = Likelihood.of(params.likelihood)
    method = joint(Subject(generator, likelihood, params.beta, rng), fit, model, real)
    settings = params.of("beta", "likelihood", "retrain_r")
    watched = Watch(watch, generator.image_shape)
    settings |= gan.settings() | watched.settings
    job = Job("retrain-R", settings, inputs, out, options, compute, rng)
    probe = watched.probe(model, generator, likelihood, params.seed, compute)
    return train(job, method, partial(leave_encoders, out, model, generator, gan), probe)
