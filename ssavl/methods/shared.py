"""What the losses of several methods are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ssavl.engine.phase import frozen
from ssavl.generators.around import Around
from ssavl.generators.protocol import Generator
from ssavl.latents.posterior import Posterior, Scored
from ssavl.latents.space import LatentSpace
from ssavl.models.protocol import Observed
from ssavl.networks.generator import ConvGenerator
from ssavl.objectives.elbo import Bound, elbo
from ssavl.objectives.entropy import code_length
from ssavl.objectives.likelihood import Likelihood
from ssavl.params.shared import RelaxationParams

# why a batch of a training generator is computed at once
NORMALISED = "the BatchNorm of the generator learns from the spread of the whole batch"

Terms = dict[str, Tensor]  # per-sample, (B,) each, in nats; the mean of "loss" is minimised


class Latents:
    """Draws from the prior; the phases of one iteration may share the last (Algorithm 1, line 4).

    Nothing of it outlives an iteration.
    """

    last: Tensor

    def __init__(self, space: LatentSpace, n: int, rng: torch.Generator) -> None:
        self.space, self.n, self.rng = space, n, rng

    def new(self) -> Tensor:
        """A fresh batch ``(n, D)``."""
        self.last = self.space.sample(self.n, self.rng)
        return self.last

    def again(self) -> Tensor:
        """The batch before."""
        return self.last


class Still(Around[ConvGenerator]):
    """A generator in training, held still while something else learns through it."""

    def __call__(self, latents: Tensor) -> Tensor:
        """Images ``(B, C, H, W)`` in [0, 1] of latents ``(B, D)``."""
        with frozen(self.generator):
            return self.generator(latents)


def part(latents: Tensor, space: LatentSpace, subspace: LatentSpace) -> Tensor:
    """The blocks of a subspace out of flat latents ``(B, D)``."""
    return subspace.join(space.split(latents))


def latent_errors(found: Tensor, latents: Tensor, space: LatentSpace) -> dict[str, Tensor]:
    """How far an encoder is from the latents that made its images, by block, ``(B,)`` each: squared
    errors in base space, and -log of a category in nats.

    Args:
        found: points of base space ``(B, D)``, categories as logits (``PointEncoder``).
        latents: ``(B, D)``.
    """
    told, known, errors = space.split(found), space.split(space.to_base(latents)), {}
    for block in space.blocks:
        own, true = told[block.name], known[block.name]
        category = block.role == "category"
        error = (
            code_length(own.log_softmax(-1), true) if category else (own - true).square().sum(-1)
        )
        errors[block.name] = error
    return errors


def bound(
    posterior: Posterior,
    x: Tensor,
    generator: Generator,
    likelihood: Likelihood,
    relaxation: RelaxationParams,
    given: Mapping[str, Tensor],
) -> Bound:
    """The evidence lower bound by one differentiable draw; ``given`` are the other blocks."""
    draw = posterior.rsample(relaxation.temperature, relaxation.straight_through)
    assert isinstance(posterior, Scored), "a bound needs the divergence from the prior"
    return elbo(x, Observed(generator, likelihood), posterior, draw, given)


def negative(found: Bound, beta: float) -> Terms:
    """Minus a bound as terms of a loss: the objective, the likelihood, each divergence."""
    kl = {f"kl_{name}": term for name, term in found.kl.items()}
    return {"loss": -found.value(beta), "log_likelihood": found.log_likelihood, **kl}


Transform = Callable[[Tensor], Tensor]
