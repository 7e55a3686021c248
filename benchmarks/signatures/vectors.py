"""Toys of vectors: perceptrons in the place of the networks of images, and laws that are known."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from train import play

from ssavl.engine.act import Act
from ssavl.engine.phase import Phase
from ssavl.latents.point import Point
from ssavl.latents.posterior import Posterior
from ssavl.latents.priors import Block
from ssavl.latents.space import LatentSpace
from ssavl.methods.pairs import Pairing
from ssavl.networks.perceptron import perceptron
from ssavl.params.shared import OptimisationParams

Draw = Callable[[int, torch.Generator], Tensor]  # so many vectors ``(n, D)``, by a generator
WIDTH = 64  # neurons of a layer of a toy's perceptron


def normal(dim: int) -> LatentSpace:
    """Latents N(0, I)."""
    return LatentSpace([Block("noise", "noise", "normal", dim)])


class JointPerceptron(nn.Module):
    """Vectors ``(B, D)`` and latents ``(B, dim)`` to scores ``(B,)`` of the pair."""

    def __init__(self, size: int, width: int = WIDTH) -> None:
        super().__init__()
        self.layers = perceptron([size, width, width, 1])

    def forward(self, x: Tensor, latents: Tensor) -> Tensor:
        return self.layers(torch.cat([x, latents], -1)).squeeze(-1)


def pairing(
    real: Draw,
    size: int,
    space: LatentSpace,
    rng: torch.Generator,
    stochastic: bool,
    noise: float,
    batch: int,
    width: int = WIDTH,
) -> Pairing:
    """Untrained perceptrons for vectors of ``size`` numbers.

    Args:
        stochastic: whether the encoder gives a Gaussian, or a point.
        noise: deviation of noise on all vectors that are judged.
        width: of their two hidden layers.
    """
    told = space.parameter_size if stochastic else space.dim
    generator = perceptron([space.dim, width, width, size])
    encoder = perceptron([size, width, width, told])
    critic = JointPerceptron(size + space.dim, width)

    def infer(x: Tensor) -> Posterior:
        return space.posterior(encoder(x)) if stochastic else Point(space, encoder(x))

    return Pairing(
        generator,
        infer,
        critic,
        lambda: real(batch, rng),
        lambda: space.sample(batch, rng),
        rng,
        noise,
        {"generator": generator, "encoder": encoder, "critic": critic},
    )


def train(
    modules: Mapping[str, nn.Module],
    phases: Sequence[Phase],
    rng: torch.Generator,
    iterations: int,
    rate: float,
) -> None:
    """By Adam with a game's betas; the rate falls to 0 over the second half."""
    pace = OptimisationParams(
        iterations=iterations,
        learning_rate=rate,
        adam_betas=(0.5, 0.9),
        decay=iterations // 2,
        log_every=10**6,
    )
    play(modules, (Act("toy", tuple(phases), pace),), rng)


def explained(found: Tensor, true: Tensor) -> float:
    """The share of the variance of vectors ``(N, D)`` that the others tell as they stand: 1 for
    equal ones, 0 for their mean, below 0 for worse.
    """
    rest = (found - true).square().sum()
    return 1 - (rest / (true - true.mean(0)).square().sum()).item()


# -- laws ------------------------------------------------------------------------------------------


def bent(n: int, rng: torch.Generator) -> Tensor:
    """A Gaussian of two numbers bent into a parabola, ``(n, 2)``; a map with an inverse."""
    v = torch.randn(n, 2, generator=rng)
    return torch.stack([v[:, 0], 0.5 * v[:, 1] + 0.7 * (v[:, 0].square() - 1)], -1)


def skewed(n: int, rng: torch.Generator) -> Tensor:
    """A number ``(n, 1)``, a Gaussian stretched on one side."""
    return stretch(torch.randn(n, 1, generator=rng))


def stretch(v: Tensor) -> Tensor:
    return (0.6 * v).exp()


def mixture(centres: Tensor, deviation: float, n: int, rng: torch.Generator) -> Tensor:
    """Draws ``(n, 2)`` of Gaussians about centres ``(M, 2)``, all alike."""
    own = torch.randint(len(centres), (n,), generator=rng)
    return centres[own] + deviation * torch.randn(n, 2, generator=rng)


def quality(x: Tensor, centres: Tensor, deviation: float) -> tuple[int, float]:
    """How many centres ``(M, 2)`` are the nearest of a vector within three deviations of them, and
    the share of such vectors among all ``(N, 2)`` (Srivastava et al. 2017).
    """
    distance, nearest = torch.cdist(x, centres).min(1)
    good = distance < 3 * deviation
    return len(nearest[good].unique()), good.float().mean().item()


TURN, SIDE = torch.arange(8) * math.pi / 4, torch.linspace(-2, 2, 5)
RING, GRID = torch.stack([TURN.cos(), TURN.sin()], -1), torch.cartesian_prod(SIDE, SIDE)
# draws of Gaussians about centres ``(M, 2)``, these, and the deviation
MIXTURES: dict[str, tuple[Draw, Tensor, float]] = {
    "ring": (partial(mixture, RING, 0.02), RING, 0.02),
    "grid": (partial(mixture, GRID, 0.05), GRID, 0.05),
}
