"""``ssavl.fit``: encoders for a generator that someone holds, without data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch

from ssavl.engine.device import choose
from ssavl.engine.isolation import isolated
from ssavl.face.run import checked, play, seeded
from ssavl.face.subject import describe
from ssavl.generators.inspection import inspect, require
from ssavl.generators.memory import AnyGan, as_generator
from ssavl.latents.names import Prior
from ssavl.latents.priors import Block
from ssavl.latents.space import LatentSpace
from ssavl.model import Model
from ssavl.models.held import Held
from ssavl.objectives.likelihood import Likelihood, observation
from ssavl.params.arguments import weight
from ssavl.params.shared import Objective
from ssavl.params.stages import FitEncodersParams
from ssavl.runs.fitting import dreaming
from ssavl.runs.subject import Subject


def fit(
    generator: AnyGan,
    latent_dim: int | None = None,
    *,
    prior: Prior = "normal",
    latents: LatentSpace | Sequence[Block] | None = None,
    output_range: tuple[float, float] | None = None,
    latent_shape: Sequence[int] | None = None,
    separate: bool = False,
    objective: Objective = "latent-nll",
    encoders: Literal["both", "code", "noise"] = "both",
    iterations: int = 2000,
    likelihood: Likelihood | None = None,
    beta: float = 1.0,
    seed: int | torch.Generator = 0,
    device: str | None = None,
    precision: str | None = None,
    progress: bool = True,
    **settings: Any,
) -> Model:
    """Learn the encoders that a generator never had, from its own images.

    Nothing of the caller changes: neither the generator, which is copied, nor torch's global state.

    Args:
        generator: an ``nn.Module`` or a function, a file, or a ``GeneratorSource``.
        latent_dim, prior: of one latent vector; found by looking at the network where left out.
        latents: instead, blocks or a whole latent space.
        output_range: of its images; by default [-1, 1] where they are negative, else [0, 1].
        latent_shape: one sample as the network takes it; by default ``(D,)``, then ``(D, 1, 1)``.
        separate: whether the blocks are separate arguments.
        objective: ``latent-nll`` (needs no gradient of the generator), ``elbo`` (Eqs. 25-27), both.
        encoders, iterations: which to fit, and for how long.
        likelihood, beta: of ``elbo``; the paper's and 1 by default.
        seed: of everything random; or a generator, which it is drawn from.
        device, precision: the best that this machine has, by default.
        progress: whether a bar shows.
        settings: anything else of ``fit-encoders`` in the parameters, such as ``batch_size``.

    Raises:
        UserError: a generator that is unfit, and why; an unknown setting, or a value out of range.
        KeyboardInterrupt: Ctrl-C.
    """
    params = checked(
        FitEncodersParams,
        {**settings, "objective": objective, "encoders": encoders, "iterations": iterations},
    )
    described = describe(latent_dim, prior, latents, output_range, latent_shape, separate)
    model_of_pixels, beta = observation(likelihood), weight("beta", beta)
    compute, number = choose(device, precision), seeded(seed)
    with isolated(compute.device, number):
        found = compute.place(as_generator(generator, described))
        require(inspect(found, number), "the generator", gradient=objective != "latent-nll")
        torch.manual_seed(number)
        rng = compute.generator(number)
        subject = Subject(found, model_of_pixels, beta, rng)
        method, model = dreaming(subject, params, {})
        play(method, compute, rng, progress)
        held = Held("ss-avl", found, model.eval().requires_grad_(False))
        return Model(held, compute, number)
