"""``fit-encoders``: the encoders that a generator never had, without one real image.

Eqs. 25, 26, 27. Nothing here reaches ``ssavl.datasets``: import-linter checks it, and the stage's
dependencies name no data.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from ssavl.generators import identity
from ssavl.generators.inspection import inspect, require
from ssavl.generators.load import load_bundle
from ssavl.generators.source import Source
from ssavl.generators.statistics import statistics
from ssavl.objectives.likelihood import Likelihood
from ssavl.params.stages import Params
from ssavl.runs.batch_size import measured
from ssavl.runs.fitting import dreaming, fit, left_by_training
from ssavl.runs.subject import Subject
from ssavl.runs.training import Job
from ssavl.runs.watch import ReadImages, Watch
from ssavl.runs.workspace import Options, seed_everything


def fit_encoders(
    params: Params, gan: Source, out: Path, options: Options, watch: ReadImages | None = None
) -> dict[str, Any]:
    """Write ``encoders.pt``, ``log.csv`` and ``run.json``.

    Args:
        watch: reads images for the columns ``watched/...`` of the log, and for nothing else.

    Raises:
        UserError: a generator that cannot be read or is unfit, images that no encoder here can
            read, an encoder for blocks that the generator has not, a loss that is not finite.
        Interrupted: a signal; the same command continues.
    """
    own, compute, loaded = params.fit_encoders, options.compute(), load_bundle(gan)
    generator = compute.place(loaded.generator)
    require(inspect(generator, params.seed), gan.spec, gradient=own.objective != "latent-nll")
    rng = seed_everything(params.seed, compute)
    left = left_by_training(loaded, gan.path) if own.start_from == "gan" else {}
    subject = Subject(generator, Likelihood.of(params.likelihood), params.beta, rng)
    if options.largest_batch:
        trial = replace(subject, rng=compute.generator(params.seed))
        own = measured("fit-encoders", own, compute, lambda tried: dreaming(trial, tried, {})[0])
        params = params.model_copy(update={"fit_encoders": own})
    method, model = dreaming(subject, own, left)
    watched = Watch(watch, generator.image_shape)
    settings = params.of("beta", "likelihood", "fit_encoders") | watched.settings
    settings |= identity.settings(gan, generator)
    job = Job("fit-encoders", settings, identity.files(gan), out, options, compute, rng)
    stored = statistics(generator, params.seed)
    if stored is not None and stored.wrong:
        print(f"{gan.spec}: BatchNorm statistics are {stored}", file=sys.stderr)
    return fit(job, method, model, subject, gan, watched)
