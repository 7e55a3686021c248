"""Density ratios by logistic regression, against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from ssavl.objectives.density_ratio import passing_for_a, telling_apart

A = MultivariateNormal(torch.tensor([0.5, -0.3]), torch.tensor([[1.0, 0.4], [0.4, 0.8]]))
B = MultivariateNormal(torch.zeros(2), torch.eye(2))


def joint(mean: float, deviation: float, slope: float, noise: float) -> MultivariateNormal:
    """Of v ~ N(mean, deviation^2) and w = slope v + noise e, as (v, w)."""
    spread = deviation**2
    covariance = [
        [spread, slope * spread],
        [slope * spread, slope**2 * spread + noise**2],
    ]
    return MultivariateNormal(torch.tensor([mean, slope * mean]), torch.tensor(covariance))


def loose(law: MultivariateNormal) -> MultivariateNormal:
    """Independent, with the same marginals."""
    return MultivariateNormal(law.mean, torch.diag(law.variance))


INFERRED = joint(0.2, 1.1, 0.5, 0.8)  # image and latent, by an encoder
GENERATED = joint(0.0, 1.0, 0.7, 0.6)  # latent and image, by a generator: the other way round
GENERATED = MultivariateNormal(GENERATED.mean.flip(0), GENERATED.covariance_matrix.flip(0, 1))
LAWS = {
    "latents (FactorVAE, AAE, AVB, NCP-VAE)": (A, B),
    "pairs (ALI, BiGAN, VEEGAN)": (INFERRED, GENERATED),
    "inferred against loose pairs (AS-VAE)": (INFERRED, loose(GENERATED)),
    "generated against loose pairs (AS-VAE)": (GENERATED, loose(INFERRED)),
}


def quadratic(z: Tensor) -> Tensor:
    """Features in which the log-ratio of two Gaussians is linear, ``(B, 6)``."""
    x, y = z.unbind(-1)
    return torch.stack([torch.ones_like(x), x, y, x * x, x * y, y * y], -1)


@pytest.mark.parametrize(("a", "b"), LAWS.values(), ids=LAWS)
def test_the_best_score_is_the_log_ratio_of_two_gaussians(
    a: MultivariateNormal, b: MultivariateNormal
) -> None:
    torch.manual_seed(0)
    of_a, of_b = quadratic(a.sample((200_000,))), quadratic(b.sample((200_000,)))
    weights = torch.zeros(6, requires_grad=True)
    search = torch.optim.LBFGS([weights], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        search.zero_grad()
        value = telling_apart(of_a @ weights, of_b @ weights).mean()
        value.backward()
        return value

    search.step(loss)
    z = torch.cartesian_prod(*[torch.linspace(-1.5, 1.5, 7)] * 2)
    truth = a.log_prob(z) - b.log_prob(z)
    assert (quadratic(z) @ weights - truth).abs().max() < 0.06
    # the least loss is the game's value: log 4 less twice the Jensen-Shannon divergence
    from_middle = [
        (own.log_prob(x) - torch.logaddexp(a.log_prob(x), b.log_prob(x)) + math.log(2))
        .mean()
        .item()
        for own, x in ((own, own.sample((200_000,))) for own in (a, b))
    ]
    assert loss().item() == pytest.approx(math.log(4) - sum(from_middle), abs=0.01)


def test_equal_laws_cost_two_bits_at_a_score_of_zero() -> None:
    scores = torch.zeros(3, requires_grad=True)
    loss = telling_apart(scores, scores)
    assert torch.allclose(loss, torch.full((3,), 2 * math.log(2)))
    (slope,) = torch.autograd.grad(loss.sum(), scores)
    assert torch.equal(slope, torch.zeros(3))


def test_who_passes_for_a_has_the_opposite_aim() -> None:
    score = torch.tensor([0.7], requires_grad=True)
    (of_maker,) = torch.autograd.grad(passing_for_a(score).sum(), score)
    (of_judge,) = torch.autograd.grad(telling_apart(torch.zeros(1), score).sum(), score)
    assert of_maker < 0 < of_judge
