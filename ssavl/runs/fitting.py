"""Encoders for a frozen generator: methods that fit them, and what such a training writes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from ssavl.engine.act import Act
from ssavl.engine.optimiser import Optimiser
from ssavl.errors import UserError
from ssavl.generators.own import Loaded
from ssavl.generators.source import Source
from ssavl.latents.names import Role
from ssavl.latents.space import LatentSpace
from ssavl.methods import networks
from ssavl.methods.method import Leaves, Method
from ssavl.methods.shared import Transform
from ssavl.methods.ssavl.dreaming import Dream, Fitting, dreams
from ssavl.methods.ssavl.joint import joint_phase
from ssavl.models.inference import InferenceModel
from ssavl.networks.encoder import Encoder
from ssavl.networks.registry import rebuild_as
from ssavl.params.shared import InvarianceParams
from ssavl.params.stages import FitEncodersParams, RetrainRParams
from ssavl.runs.leaving import leave_encoders
from ssavl.runs.subject import Subject
from ssavl.runs.training import Job, train
from ssavl.runs.watch import Watch
from ssavl.storage.checkpoint import rebuilding

NAMES = {"both": "ssavl", "code": "ssavl1", "noise": "ssavl2"}
JOINT_NAMES = {"generated": "ssavl-r", "real": "ssavl-r-real"}
ROLES: dict[str, tuple[Role, ...]] = {"code": ("code", "category"), "noise": ("noise",)}


def left_by_training(loaded: Loaded, path: Path) -> dict[LatentSpace, Encoder]:
    """The encoders that a generator's training left, by what they infer; none of anyone else's.

    Raises:
        UserError: entries of the file ``path`` that are no encoders.
    """
    with rebuilding(path):
        encoders = [rebuild_as(Encoder, entry) for entry in loaded.training_encoders]
    return {encoder.space: encoder for encoder in encoders}


def dreaming(
    subject: Subject, fit: FitEncodersParams, left: Mapping[LatentSpace, Encoder]
) -> tuple[Method, InferenceModel]:
    """Eqs. 25 to 27: a method that fits encoders, and the model of these encoders.

    Args:
        left: encoders that the generator's training left, by what they infer; to start from.

    Raises:
        UserError: transformed images that nothing learns from, an encoder for blocks that the
            generator has not, images that no encoder here can read.
    """
    space, shape = subject.generator.latent_space, subject.generator.image_shape
    transform, survivors = _views("fit-encoders", fit, subject, space)
    if transform is not None and fit.objective != "elbo" and not survivors:
        raise UserError(
            f"fit-encoders.transformations with fit-encoders.objective {fit.objective} need "
            "fit-encoders.survivors, the blocks that a transformed image still shows, for instance "
            f"{{category: 1}}: this generator has {', '.join(block.name for block in space.blocks)}"
        )
    wanted = networks.parts(space)
    if fit.encoders != "both":
        wanted = [LatentSpace(own) for own in (space.of_role(*ROLES[fit.encoders]),) if own]
    if not wanted:
        raise UserError(f"the latents are {space!r}: nothing for encoders = {fit.encoders}")
    try:
        encoders = [
            left.get(part) or Encoder(networks.trunk(fit.encoder, shape), part) for part in wanted
        ]
        model = InferenceModel(encoders, fit.name or NAMES[fit.encoders], fit.image_noise)
    except ValueError as error:
        raise UserError(f"no encoder fits: {error}") from None
    named = networks.encoder_names(model.factorised)
    fitting = Fitting(
        subject.likelihood,
        subject.beta,
        fit.relaxation,
        fit.objective,
        fit.image_noise,
        transform,
        survivors,
    )
    dream = Dream(named, subject.through(fit), partial(subject.latents, fit.piece), fitting)
    rates = {
        name: Optimiser(rate=fit.start_rate)
        for name, encoder in named.items()
        if encoder.space in left
    }
    act = Act("fit", dreams(dream), fit, optimisers=rates)
    return Method(named, (act,), Leaves(encoders=tuple(model))), model


def _views(
    section: str,
    fit: FitEncodersParams | RetrainRParams,
    subject: Subject,
    space: LatentSpace,
) -> tuple[Transform | None, Mapping[str, float]]:
    """How images are transformed, and the blocks that stay known of such an image.

    A study names survivors for any generator that it is tried on: those that this one lacks are
    said and passed over. Where none remains, nothing learns from transformed images.

    Args:
        section: of the parameters, for messages.

    Raises:
        UserError: survivors that nothing transforms.
    """
    if fit.survivors and fit.transformations == InvarianceParams():
        raise UserError(
            f"{section}.survivors are learned from transformed images: set "
            f"{section}.transformations too"
        )
    transform = subject.transform(fit.transformations)
    if not fit.survivors:
        return transform, {}
    names = [block.name for block in space.blocks]
    absent = [name for name in fit.survivors if name not in names]
    if absent:
        print(
            f"{section}.survivors: this generator has no block {', '.join(map(repr, absent))}, "
            f"only {', '.join(names)}: passed over",
            file=sys.stderr,
        )
    survivors = {name: own for name, own in fit.survivors.items() if name in names}
    return (transform, survivors) if survivors else (None, {})


def joint(
    subject: Subject,
    fit: RetrainRParams,
    model: InferenceModel,
    real: Callable[[int], Tensor] | None,
) -> Method:
    """Eq. 18: a method that retrains the encoders of ``model`` together.

    Args:
        model: over every block of the generator's space; it gets SS-AVL-R's name.
        real: draws ``n`` real images; ``None`` for the generator's own.

    Raises:
        UserError: encoders that leave a block out, survivors that cannot be known.
    """
    space = subject.generator.latent_space
    if model.space.dim != space.dim:
        raise UserError(
            f"they infer {model.space!r} alone: the joint bound of Eq. 18 needs all of {space!r}"
        )
    model.name, model.image_noise = JOINT_NAMES[fit.source], 0.0
    model.requires_grad_(True)
    named = networks.encoder_names(model.factorised)
    if fit.survivors and real is not None:
        raise UserError(
            "retrain-R.survivors need retrain-R.source generated: of a real image no latents are "
            "known"
        )
    images = partial(subject.made if real is None else partial(_without, real), fit.piece)
    transform, survivors = _views("retrain-R", fit, subject, space)
    fitting = Fitting(
        subject.likelihood,
        subject.beta,
        fit.relaxation,
        transform=transform,
        survivors=survivors,
    )
    phase = joint_phase(model, tuple(named), subject.through(fit), images, fitting)
    return Method(named, (Act("fit", (phase,), fit),), Leaves(encoders=tuple(model)))


def _without(real: Callable[[int], Tensor], n: int) -> tuple[Tensor, None]:
    """Real images, of which no latents are known."""
    return real(n), None


def fit(
    job: Job,
    method: Method,
    model: InferenceModel,
    subject: Subject,
    gan: Source,
    watched: Watch,
) -> dict[str, Any]:
    """Train encoders, and write ``encoders.pt`` beside the logs and ``run.json``.

    Args:
        method: that trains the encoders of ``model``.
        gan: where the generator is.
        watched: images that the log reports on.

    Raises:
        UserError, Interrupted: as :func:`ssavl.runs.training.train`.
    """
    generator = subject.generator
    probe = watched.probe(model, generator, subject.likelihood, job.settings["seed"], job.compute)
    # How they were fitted, without to what: that is the encoders' origin, and of no other file.
    own = {name: value for name, value in job.settings.items() if name not in ("gan", "watch")}
    leave = partial(leave_encoders, job.out, own, model, generator, gan)
    return train(job, method, leave, probe)
