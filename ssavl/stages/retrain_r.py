"""``retrain-R``: SS-AVL-R, both encoders together on the one joint bound of Eq. 18."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ssavl.datasets.prepared import MANIFEST, read_prepared
from ssavl.errors import UserError
from ssavl.generators import identity
from ssavl.generators.load import load_generator
from ssavl.generators.source import Source
from ssavl.models.bundle import check_fit
from ssavl.models.files import file_of, load_encoders
from ssavl.objectives.likelihood import Likelihood
from ssavl.params.stages import Params
from ssavl.runs.fitting import fit, joint
from ssavl.runs.subject import Subject
from ssavl.runs.training import Job
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
    own, compute, real = params.retrain_r, options.compute(), None
    generator, model = compute.place(load_generator(gan)), compute.place(load_encoders(encoders))
    check_fit(model, generator, encoders)
    rng = seed_everything(params.seed, compute)
    inputs = {**identity.files(gan), "encoders": file_of(encoders, "encoders")}
    if own.source == "real":
        if data is None:
            raise UserError("retrain-R.source = real needs --data, the folder of prepared data")
        real = read_prepared(data).draws("train", rng).real
        inputs["data"] = data / MANIFEST
    subject = Subject(generator, Likelihood.of(params.likelihood), params.beta, rng)
    method = joint(subject, own, model, real)
    watched, facts = Watch(watch, generator.image_shape), identity.settings(gan, generator)
    settings = params.of("beta", "likelihood", "retrain_r") | watched.settings | facts
    job = Job("retrain-R", settings, inputs, out, options, compute, rng)
    return fit(job, method, model, subject, gan, watched)
