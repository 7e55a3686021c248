"""Latent spaces and the distributions over them, against Monte Carlo and closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torch import Tensor
from torch.distributions import Transform

from ssavl.latents.names import Prior
from ssavl.latents.priors import TRUNCATION, Block, ErfTransform, TruncationTransform
from ssavl.latents.space import LatentSpace

SPACE = LatentSpace(
    [
        Block("noise", "noise", "normal", 3),
        Block("code", "code", "uniform", 2),
        Block("category", "category", "categorical", 4),
    ]
)


def parameters(n: int, seed: int = 0) -> Tensor:
    return torch.randn(n, SPACE.parameter_size, generator=torch.Generator().manual_seed(seed))


def test_split_and_join_are_inverse() -> None:
    latents = SPACE.sample(5, torch.Generator().manual_seed(0))
    parts = SPACE.split(latents)
    assert {name: part.shape[-1] for name, part in parts.items()} == {
        "noise": 3,
        "code": 2,
        "category": 4,
    }
    assert torch.equal(SPACE.join(parts), latents)
    assert LatentSpace.from_config(SPACE.config) == SPACE
    with pytest.raises(ValueError, match="dimensions"):
        SPACE.split(latents[:, 1:])


def test_sampling_depends_on_its_generator_alone() -> None:
    torch.manual_seed(0)
    a = SPACE.sample(4, torch.Generator().manual_seed(7))
    torch.manual_seed(1)
    assert torch.equal(a, SPACE.sample(4, torch.Generator().manual_seed(7)))
    assert not torch.equal(a, SPACE.sample(4, torch.Generator().manual_seed(8)))


def test_prior_draws_have_the_prior_law() -> None:
    parts = SPACE.split(SPACE.sample(20_000, torch.Generator().manual_seed(0)))
    for column in parts["code"].T:
        assert stats.kstest(column.numpy(), stats.uniform(-1, 2).cdf).pvalue > 0.01
    for column in parts["noise"].T:
        assert stats.kstest(column.numpy(), stats.norm.cdf).pvalue > 0.01
    counts = parts["category"].sum(0)
    assert stats.chisquare(counts.numpy()).pvalue > 0.01
    assert torch.equal(parts["category"].sum(1), torch.ones(20_000))


def bounded(prior: Prior) -> LatentSpace:
    return LatentSpace([Block("noise", "noise", prior, 3)])


def test_truncated_draws_are_truncated_normal() -> None:
    draw = bounded("truncated-normal").sample(20_000, torch.Generator().manual_seed(0))
    for column in draw.T:
        assert (
            stats.kstest(column.numpy(), stats.truncnorm(-TRUNCATION, TRUNCATION).cdf).pvalue > 0.01
        )


def test_sphere_draws_are_uniform_on_the_sphere() -> None:
    draw = bounded("sphere").sample(20_000, torch.Generator().manual_seed(0))
    assert torch.allclose(draw.norm(dim=1), torch.full((20_000,), math.sqrt(3)), atol=1e-5)
    for column in draw.T:  # Archimedes: on a sphere in three dimensions each coordinate is uniform
        limit = math.sqrt(3)
        assert stats.kstest(column.numpy(), stats.uniform(-limit, 2 * limit).cdf).pvalue > 0.01


@pytest.mark.parametrize("prior", ["normal", "uniform", "truncated-normal", "sphere"])
def test_base_space_maps_onto_the_prior_and_back(prior: Prior) -> None:
    space = bounded(prior)
    latents = space.sample(500, torch.Generator().manual_seed(0))
    assert torch.allclose(space.from_base(space.to_base(latents)), latents, atol=1e-4)
    assert LatentSpace.from_config(space.config) == space
    posterior = space.posterior(
        torch.randn(500, space.parameter_size, generator=torch.Generator().manual_seed(1))
    )
    for point in (posterior.rsample(), posterior.sample(), posterior.mode):
        assert torch.allclose(space.from_base(space.to_base(point)), point, atol=1e-4)


def test_posterior_draws_of_the_prior_are_uniform_too() -> None:
    torch.manual_seed(0)
    draw = SPACE.posterior(torch.zeros(20_000, SPACE.parameter_size)).rsample()
    assert (
        stats.kstest(SPACE.split(draw)["code"][:, 0].numpy(), stats.uniform(-1, 2).cdf).pvalue
        > 0.01
    )


@pytest.mark.parametrize(
    ("transform", "border"), [(ErfTransform(), 1.0), (TruncationTransform(), TRUNCATION)]
)
def test_a_transform_inverts_and_its_jacobian_is_the_slope(
    transform: Transform, border: float
) -> None:
    u = torch.linspace(-3, 3, 13, dtype=torch.float64, requires_grad=True)
    c = transform(u)
    assert torch.allclose(transform.inv(c.detach().clone()), u, atol=1e-9)
    (slope,) = torch.autograd.grad(c.sum(), u)
    assert torch.allclose(transform.log_abs_det_jacobian(u, c), slope.log())
    assert torch.isfinite(transform.inv(torch.tensor([border, -border]))).all()
    assert torch.isfinite(transform(torch.tensor([40.0, -40.0]))).all()


def test_closed_form_kl_agrees_with_monte_carlo() -> None:
    torch.manual_seed(0)
    row = parameters(1)
    exact = SPACE.posterior(row).kl()
    many = SPACE.posterior(row.expand(200_000, -1))
    draw = many.sample()
    q, p = many.log_prob(draw), SPACE.prior().log_prob(draw)
    for name, kl in exact.items():
        ratio = q[name] - p[name]
        error = ratio.std() / math.sqrt(len(ratio))
        assert abs(ratio.mean() - kl) < 4 * error + 1e-4, name


def test_kl_of_the_prior_is_zero_and_of_a_sure_category_log_k() -> None:
    assert all(
        kl.abs().max() < 1e-6
        for kl in SPACE.posterior(torch.zeros(2, SPACE.parameter_size)).kl().values()
    )
    sure = torch.zeros(1, SPACE.parameter_size)
    sure[0, -4] = 100
    assert SPACE.posterior(sure).kl()["category"].item() == pytest.approx(math.log(4), abs=1e-5)


@pytest.mark.parametrize(
    ("prior", "edge"), [("uniform", 0.99999), ("truncated-normal", 1.99999), ("normal", 9)]
)
def test_densities_integrate_to_one(prior: Prior, edge: float) -> None:
    space = LatentSpace([Block("code", "code", prior, 1)])
    grid = torch.linspace(-edge, edge, 20_001)[:, None]
    density = (
        space.posterior(torch.tensor([[0.3, -0.5]]).expand(len(grid), -1))
        .log_prob(grid)["code"]
        .exp()
    )
    assert torch.trapezoid(density, grid[:, 0]).item() == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("space", [SPACE, bounded("truncated-normal")])
def test_entropy_is_minus_the_expected_log_density(space: LatentSpace) -> None:
    draw = space.sample(50_000, torch.Generator().manual_seed(0))
    expected = space.prior().log_prob(draw)
    for block in space.blocks:
        assert -expected[block.name].mean().item() == pytest.approx(block.entropy, abs=0.03)


@pytest.mark.parametrize("straight_through", [False, True])
def test_gumbel_softmax_at_low_temperature_has_the_category_frequencies(
    straight_through: bool,
) -> None:
    torch.manual_seed(1)
    logits = torch.tensor([0.5, -1.0, 1.5, 0.0])
    row = torch.cat([torch.zeros(SPACE.parameter_size - 4), logits])
    draw = SPACE.posterior(row.expand(40_000, -1)).rsample(0.01, straight_through)
    counts = torch.bincount(SPACE.split(draw)["category"].argmax(1), minlength=4)
    assert (
        stats.chisquare(counts.numpy(), 40_000 * logits.double().softmax(0).numpy()).pvalue > 0.01
    )


def test_straight_through_is_one_hot_and_carries_a_gradient() -> None:
    row = parameters(6).requires_grad_(True)
    draw = SPACE.split(SPACE.posterior(row).rsample(0.67, straight_through=True))["category"]
    assert torch.allclose(
        draw.detach().sort(1).values, torch.tensor([0.0, 0, 0, 1]).expand(6, -1), atol=1e-6
    )
    draw[:, 0].sum().backward()
    assert row.grad is not None
    assert row.grad[:, -4:].abs().sum() > 0


def test_rsample_is_differentiable_in_every_parameter() -> None:
    row = parameters(6).requires_grad_(True)
    SPACE.posterior(row).rsample().square().sum().backward()
    assert row.grad is not None
    assert (row.grad.abs().sum(0) > 0).all()


def test_mode_is_the_image_of_the_means_and_the_likeliest_category() -> None:
    row = parameters(5)
    parts = SPACE.split(SPACE.posterior(row).mode)
    assert torch.equal(parts["noise"], row[:, :3])
    assert torch.allclose(parts["code"], torch.erf(row[:, 6:8] / math.sqrt(2)))
    assert torch.equal(parts["category"].argmax(1), row[:, -4:].argmax(1))


def test_marginal_and_product() -> None:
    whole = SPACE.posterior(parameters(5))
    codes = whole.over(SPACE.subspace("code", "category"))
    again = whole.over(SPACE.subspace("noise")) | codes
    assert again.space == SPACE
    assert torch.equal(again.mode, whole.mode)


def test_extreme_encoder_outputs_stay_finite() -> None:
    row = torch.full((2, SPACE.parameter_size), 50.0)
    row[1] *= -1
    posterior = SPACE.posterior(row)
    assert torch.isfinite(posterior.rsample()).all()
    assert all(torch.isfinite(kl).all() for kl in posterior.kl().values())
    assert all(torch.isfinite(lp).all() for lp in posterior.log_prob(posterior.sample()).values())


@pytest.mark.parametrize(
    ("role", "prior", "dim"),
    [
        ("category", "normal", 3),
        ("code", "categorical", 3),
        ("noise", "normal", 0),
        ("noise", "sphere", 1),
    ],
)
def test_impossible_blocks_are_refused(role: str, prior: str, dim: int) -> None:
    with pytest.raises(ValueError, match="block 'b'"):
        Block("b", role, prior, dim)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="distinct"):
        LatentSpace([])
