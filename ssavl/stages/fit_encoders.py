"""``fit-encoders``: the encoders that a generator never had, without one real image.

Eqs. 25, 26, 27. Nothing here reaches ``ssavl.datasets``: import-linter checks it, and the stage's
dependencies name no data.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from ssavl.generators import Source, load_generator
from ssavl.generators.inspection import inspect, require
from ssavl.generators.own import load_training_encoders
from ssavl.latents.space import LatentSpace
from ssavl.models.inference import build_encoders
from ssavl.networks.encoder import Encoder
from ssavl.networks.generator import ConvGenerator
from ssavl.objectives.likelihood import Likelihood
from ssavl.params.stages import Params
from ssavl.runs.fitting import Subject, dreaming
from ssavl.runs.leaving import leave_encoders
from ssavl.runs.training import Job, train
from ssavl.runs.watch import ReadImages, Watch
from ssavl.runs.workspace import Options, seed_everything
from ssavl.storage.checkpoint import rebuilding


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
    fit = params.fit_encoders
    compute = options.compute()
    generator = compute.place(load_generator(gan))
    require(inspect(generator, params.seed), gan.spec, gradient=fit.objective != "latent-nll")
    rng = seed_everything(params.seed, compute)
    ours = isinstance(generator, ConvGenerator)
    left = _left_by_training(gan) if ours and fit.start_from == "gan" else {}
    likelihood = Likelihood.of(params.likelihood)
    method, model = dreaming(Subject(generator, likelihood, params.beta, rng), fit, left)
    settings = params.of("beta", "likelihood", "fit_encoders")
    watched = Watch(watch, generator.image_shape)
    settings |= gan.settings() | watched.settings
    job = Job("fit-encoders", settings, gan.files(), out, options, compute, rng)
    probe = watched.probe(model, generator, likelihood, params.seed, compute)
    return train(job, method, partial(leave_encoders, out, model, generator, gan), probe)


def _left_by_training(gan: Source) -> dict[LatentSpace, Encoder]:
    """The encoders beside a generator of ours; none beside anyone else's."""
    with rebuilding(gan.path):
        return {own.space: own for own in build_encoders(load_training_encoders(gan.path))}
