"""WGAN-GP: the critic's gap is the distance itself, where that of clipped weights has no unit."""

from __future__ import annotations

from gap import DISTANCES, gap, trained_critic
from signature import Signature

from ssavl.methods.gan import wasserstein_terms
from ssavl.methods.gans.wgan_gp import Params


def penalised_gap(distance: float, seed: int) -> float:
    """In units of the points; the best is above the distance by d^2 / 2 lambda or more, since the
    penalty lets a slope exceed 1 by d / 2 lambda.
    """
    weight = Params().gp_weight
    critic = trained_critic(
        distance,
        seed,
        lambda own, x, x_gen, rng: wasserstein_terms(own, x, x_gen, weight, rng),
    )
    return gap(critic, distance)


def measure(seed: int) -> Signature:
    """At three distances."""
    gaps = {d: penalised_gap(d, seed) for d in DISTANCES}
    near = all(abs(value / d - 1) < 0.1 for d, value in gaps.items())
    figures = {f"gap_{d:g}": value for d, value in gaps.items()}
    claim = "gap within 10 % of the distance of the means, at each of three"
    return Signature("wgan-gp", "the distance, known", claim, figures, near)
