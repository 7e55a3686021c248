"""Density ratios by logistic regression, against closed forms."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from ssavl.objectives.density_ratio import passing_for_a, telling_apart

A = MultivariateNormal(torch.tensor([0.5, -0.3]), torch.tensor([[1.0, 0.4], [0.4, 0.8]]))
B = MultivariateNormal(torch.zeros(2), torch.eye(2))


def quadratic(z: Tensor) -> Tensor:
    """Features in which the log-ratio of two Gaussians is linear, ``(B, 6)``."""
    x, y = z.unbind(-1)
    return torch.stack([torch.ones_like(x), x, y, x * x, x * y, y * y], -1)


def test_the_best_score_is_the_log_ratio_of_two_gaussians() -> None:
    torch.manual_seed(0)
    of_a, of_b = quadratic(A.sample((200_000,))), quadratic(B.sample((200_000,)))
    weights = torch.zeros(6, requires_grad=True)
    search = torch.optim.LBFGS([weights], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        search.zero_grad()
        value = telling_apart(of_a @ weights, of_b @ weights).mean()
        value.backward()
        return value

    search.step(loss)
    z = torch.cartesian_prod(*[torch.linspace(-1.5, 1.5, 7)] * 2)
    truth = A.log_prob(z) - B.log_prob(z)
    assert (quadratic(z) @ weights - truth).abs().max() < 0.05


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
