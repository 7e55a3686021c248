"""What several methods stand on: divergences of batches, controllers, clusters. Closed forms."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from ssavl.methods.controller import Controller
from ssavl.methods.subspaces import k_subspaces, matched, residuals
from ssavl.networks.student_clusterer import soft_assignment
from ssavl.objectives.entropy import code_length, divergence_from_uniform, entropy, marginal_entropy
from ssavl.objectives.kernels import dhsic, kernel, mmd
from ssavl.objectives.moments import aggregated, diagonal_kl, wasserstein, wasserstein_diagonal
from ssavl.objectives.pairwise import pairwise_kl
from ssavl.objectives.student_t import target
from ssavl.objectives.total_correlation import divergence_parts, log_weights, permuted

RNG = torch.Generator().manual_seed(0)


def normal(*size: int) -> Tensor:
    return torch.randn(*size, generator=RNG, dtype=torch.float64)


def posteriors(count: int, size: int, spread: float = 1.0) -> Normal:
    return Normal(spread * normal(count, size), (0.5 * normal(count, size)).exp())


@pytest.mark.parametrize("estimator", ["weighted", "stratified"])
def test_the_three_parts_add_up_to_a_draw_of_the_divergence(estimator: str) -> None:
    posterior = posteriors(6, 3)
    z = posterior.sample()
    parts = divergence_parts(posterior, z, 40, estimator)  # type: ignore[arg-type]
    whole = posterior.log_prob(z) - Normal(0.0, 1.0).log_prob(z)
    total = parts.information + parts.total_correlation + parts.by_dimension
    assert torch.allclose(total, whole.sum(-1))


def test_all_images_give_the_exact_mixture() -> None:
    posterior = posteriors(5, 2)
    z = posterior.sample()
    parts = divergence_parts(posterior, z, 5)
    densities = posterior.log_prob(z[:, None]).exp()
    joint = densities.prod(-1).mean(1).log()
    product = densities.mean(1).log().sum(-1)
    assert torch.allclose(parts.total_correlation, joint - product)
    assert torch.allclose(parts.information, posterior.log_prob(z).sum(-1) - joint)


def test_weights_are_those_of_one_image_among_all() -> None:
    weights = log_weights(4, 20, "stratified").exp()
    assert torch.allclose(weights.diagonal(), torch.tensor(1 / 20))
    assert torch.allclose(weights.sum(1), torch.ones(4))
    with pytest.raises(ValueError, match="a batch of 5 out of 4"):
        log_weights(5, 4, "weighted")


def test_permuting_keeps_marginals_and_ends_dependence() -> None:
    z = normal(2000, 1).repeat(1, 3)
    mixed = permuted(z, torch.Generator().manual_seed(1))
    assert torch.equal(mixed.sort(0).values, z.sort(0).values)
    assert np.abs(np.corrcoef(mixed.T) - np.eye(3)).max() < 0.1


def test_the_best_score_of_permuted_pairs_has_the_total_correlation_as_its_mean() -> None:
    """Of two Gaussians with correlation r: -log(1 - r^2) / 2."""
    r = 0.8
    covariance = torch.tensor([[1.0, r], [r, 1.0]])
    joint = MultivariateNormal(torch.zeros(2), covariance)
    z = joint.sample((100_000,))
    score = joint.log_prob(z) - Normal(0.0, 1.0).log_prob(z).sum(-1)
    assert score.mean().item() == pytest.approx(-0.5 * math.log(1 - r**2), abs=0.01)


@pytest.mark.parametrize("kind", ["gaussian", "inverse-multiquadric"])
def test_mmd_is_zero_of_one_law_and_never_below_it_with_the_diagonal(kind: str) -> None:
    found = [
        mmd(normal(50, 2), normal(50, 2), kind).item()  # type: ignore[arg-type]
        for _ in range(200)
    ]
    assert abs(np.mean(found)) < 3 * np.std(found) / math.sqrt(len(found))
    a, b = normal(20, 2), normal(30, 2)
    assert mmd(a, b, kind, unbiased=False) >= 0  # type: ignore[arg-type]
    assert mmd(a, a, kind, unbiased=False).abs() < 1e-12  # type: ignore[arg-type]


def test_mmd_of_two_gaussians_by_a_gaussian_kernel() -> None:
    """E exp(-|a - b|^2 / D) of independent normal a, b in one dimension is a Gaussian integral."""

    def mean(shift: float) -> float:  # a - b is N(shift, 2)
        return math.exp(-(shift**2) / 5) / math.sqrt(5)

    a, b = normal(3000, 1), normal(3000, 1) + 1.5
    assert mmd(a, b, "gaussian").item() == pytest.approx(2 * mean(0) - 2 * mean(1.5), abs=0.03)
    assert kernel(a, b, "gaussian").shape == (3000, 3000)


def test_dhsic_tells_independent_parts_from_equal_ones() -> None:
    def independent(count: int) -> float:
        parts = [[normal(count, 2) for _ in range(3)] for _ in range(20)]
        return float(np.mean([dhsic(own).item() for own in parts]))

    small, large = independent(25), independent(100)
    assert 2.5 < small / large < 6  # falls as 1 / B
    z = normal(100, 2)
    assert dhsic([z, z, z]) > 20 * large
    assert dhsic([z]).abs() < 1e-9


def test_dhsic_of_two_parts_is_hsic() -> None:
    a, b = normal(12, 1), normal(12, 1)
    distance = 2 / math.sqrt(math.pi)  # of two standard normal numbers, on average
    g = 1 / (2 * distance**2)
    k, m = ((-g * (own - own.T) ** 2).exp() for own in (a, b))
    centre = torch.eye(12, dtype=torch.float64) - 1 / 12
    hsic = (k @ centre @ m @ centre).trace() / 12**2
    assert dhsic([a, b]).item() == pytest.approx(hsic.item(), abs=1e-12)


def test_moments_of_a_mixture_follow_the_law_of_total_variance() -> None:
    posterior = Normal(normal(4, 2), normal(4, 2).exp())
    mean, covariance = aggregated(posterior)
    draws = posterior.sample((200_000,)).flatten(0, 1)
    assert torch.allclose(mean, draws.mean(0), atol=0.05)
    assert torch.allclose(covariance, draws.T.cov(), rtol=0.05, atol=0.05)


def test_wasserstein_distances_from_the_standard_normal() -> None:
    eye, shift = torch.eye(3, dtype=torch.float64), normal(3)
    assert wasserstein(torch.zeros(3).double(), eye) == 0
    assert torch.allclose(wasserstein(shift, eye), shift.square().sum())
    spread = torch.tensor([0.5, 1.0, 3.0]).double()
    closed = shift.square().sum() + (spread - 1).square().sum()
    for distance in (wasserstein, wasserstein_diagonal):
        assert torch.allclose(distance(shift, (spread**2).diag()), closed)
    turned = torch.linalg.qr(normal(3, 3))[0]
    covariance = turned @ (spread**2).diag() @ turned.T
    assert torch.allclose(wasserstein(shift, covariance), closed)
    eye.requires_grad_(True)
    (slope,) = torch.autograd.grad(wasserstein(torch.zeros(3).double(), eye), eye)
    assert slope.abs().max() < 1e-9  # tr S - 2 tr S^(1/2) is flat at S = I


def test_moment_matched_divergence() -> None:
    codes = normal(5000, 3)
    assert diagonal_kl(codes) < 0.01
    mean, deviation = torch.tensor([0.3, -1.0]).double(), torch.tensor([0.5, 2.0]).double()
    standard = (codes[:, :2] - codes[:, :2].mean(0)) / codes[:, :2].std(0, unbiased=False)
    closed = kl_divergence(Normal(mean, deviation), Normal(0.0, 1.0)).mean()
    assert torch.allclose(diagonal_kl(mean + deviation * standard), closed)
    assert torch.allclose(diagonal_kl(codes), diagonal_kl(codes.flip(0)))


def test_pairs_of_posteriors() -> None:
    posterior = posteriors(3, 2)
    pairs = pairwise_kl(posterior)
    one, other = (Normal(posterior.loc[i], posterior.scale[i]) for i in (0, 2))
    assert torch.allclose(pairs[0, 2], kl_divergence(one, other))
    assert torch.equal(pairs.diagonal(), torch.zeros(2, 3).double())
    z = posterior.sample((20_000,))
    densities = posterior.log_prob(z.unsqueeze(2)).sum(-1)  # (draws, image, of image)
    information = (densities.diagonal(dim1=1, dim2=2) - (densities.exp().mean(-1)).log()).mean()
    assert pairs.sum(-1).sum() / 6 >= information  # Jensen


def test_entropies_of_categories() -> None:
    log_p = normal(7, 4).log_softmax(-1)
    assert torch.allclose(entropy(log_p), torch.distributions.Categorical(logits=log_p).entropy())
    assert torch.allclose(divergence_from_uniform(log_p), math.log(4) - entropy(log_p))
    balanced = torch.eye(4).repeat(3, 1).clamp_min(1e-30).log()
    assert marginal_entropy(balanced).item() == pytest.approx(math.log(4))
    logits = torch.zeros(6, 4, requires_grad=True)
    (slope,) = torch.autograd.grad(marginal_entropy(logits.log_softmax(-1)), logits)
    assert slope.abs().max() < 1e-7  # at a balanced batch it is at its most
    assert torch.allclose(code_length(log_p, torch.eye(4)[[2] * 7].double()), -log_p[:, 2])


CONTROL = Controller(target=5.0, proportional=0.01, integral=0.05, lowest=0.0, highest=4.0)


def steer(start: float, steps: int = 4000) -> tuple[float, float]:
    """A divergence that falls with its weight: 10 / (1 + weight). Where both end."""
    memory, weight = Controller.memory(), torch.tensor(start)
    memory.integral = torch.tensor(start)
    for _ in range(steps):
        weight = CONTROL.weigh(10 / (1 + weight), memory)
    return weight.item(), (10 / (1 + weight)).item()


@pytest.mark.parametrize("start", [0.0, 4.0])
def test_a_controller_reaches_its_set_point_from_both_sides(start: float) -> None:
    weight, divergence = steer(start)
    assert divergence == pytest.approx(5.0, rel=0.01)
    assert weight == pytest.approx(1.0, rel=0.02)


def test_a_controller_keeps_its_range_and_does_not_wind_up() -> None:
    memory = Controller.memory()
    far = [CONTROL.weigh(torch.tensor(1000.0), memory).item() for _ in range(50)]
    assert far[-1] == 4
    assert memory.integral <= 4  # and not what fifty steps add up to
    low = [CONTROL.weigh(torch.tensor(0.0), memory).item() for _ in range(400)]
    assert low[0] <= 4
    assert low[-1] == 0
    # too small a divergence lowers its weight
    assert all(b <= a for a, b in pairwise(low))


def test_soft_clusters() -> None:
    codes, centres = normal(40, 2), normal(3, 2)
    q = soft_assignment(codes, centres)
    p = target(q)
    for own in (q, p):
        assert torch.allclose(own.sum(1), torch.ones(40).double())
    turned = torch.linalg.qr(normal(2, 2))[0]
    assert torch.allclose(soft_assignment(codes @ turned, centres @ turned), q)
    even = torch.tensor([[0.7, 0.3], [0.3, 0.7]]).double()  # clusters of one size
    assert (entropy(target(even).log()) < entropy(even.log())).all()
    sure, none = torch.eye(2).double(), torch.full((2, 2), 0.5).double()
    for fixed in (sure, none):
        assert torch.allclose(target(fixed), fixed)


def test_subspaces_are_found_again() -> None:
    bases = [torch.linalg.qr(normal(6, 2))[0] for _ in range(3)]
    points = torch.cat([normal(40, 2) @ basis.T for basis in bases])
    truth = torch.arange(3).repeat_interleave(40)
    start = truth.clone()
    start[::4] = torch.randint(3, (30,), generator=RNG)
    found = k_subspaces(points, start, 3, 2, 50)
    assert torch.equal(matched(found.labels, truth, 3), truth)
    assert found.residual < 1e-12
    assert residuals(points, found.bases).gather(1, found.labels[:, None]).max() < 1e-12


def test_a_longer_search_for_subspaces_is_no_worse() -> None:
    points, start = normal(60, 5), torch.arange(60) % 3
    errors = [k_subspaces(points, start, 3, 2, steps).residual for steps in (1, 2, 4, 30)]
    assert errors == sorted(errors, reverse=True)


def test_matching_takes_back_a_change_of_names() -> None:
    before = torch.randint(4, (50,), generator=RNG)
    renamed = torch.tensor([2, 0, 3, 1])[before]
    assert torch.equal(matched(renamed, before, 4), before)
