"""WGAN: the critic's gap is the distance, up to a factor, where a discriminator's saturates."""

from __future__ import annotations

import math

from gap import DISTANCES, WIDTH, gap, scores, trained_critic
from signature import Signature

from ssavl.engine.optimiser import Optimiser
from ssavl.methods.gan import wasserstein_terms
from ssavl.methods.gans.wgan import Params, clip_weights
from ssavl.networks.perceptron import LatentCritic
from ssavl.objectives.density_ratio import telling_apart


def clipped_gap(distance: float, seed: int) -> float:
    """Over the steepest slope that clipped weights have, c^2 H of one hidden layer of H."""
    clip = Params().clip
    critic = trained_critic(
        distance,
        seed,
        lambda own, x, x_gen, rng: wasserstein_terms(own, x, x_gen, 0.0, rng),
        lambda own, update: clip_weights(own, clip, update),
        Optimiser(0.1, kind="rmsprop"),  # its first step is ten times its rate: not to the clip
    )
    return gap(critic, distance) / (clip**2 * WIDTH)


def divergence(distance: float, seed: int) -> float:
    """Jensen-Shannon's in nats, at most log 2, as a discriminator estimates it."""
    critic: LatentCritic = trained_critic(
        distance, seed, lambda own, x, x_gen, rng: {"loss": telling_apart(own(x), own(x_gen))}
    )
    return math.log(2) - 0.5 * float(telling_apart(*scores(critic, distance)).mean())


def measure(seed: int) -> Signature:
    """At three distances."""
    gaps = {d: clipped_gap(d, seed) for d in DISTANCES}
    told = {d: divergence(d, seed) for d in DISTANCES}
    figures = {f"gap_{d:g}": value for d, value in gaps.items()}
    figures |= {f"divergence_{d:g}": value for d, value in told.items()}
    near = all(abs(value / d - 1) < 0.1 for d, value in gaps.items())
    claim = (
        "gap over the steepest slope of clipped weights within 10 % of the distance, where the "
        "discriminator's divergence at 1 is less than 1.1 of that at .5"
    )
    reached = near and told[1] < 1.1 * told[0.5]
    return Signature("wgan", "a logistic discriminator", claim, figures, reached)
