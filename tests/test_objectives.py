"""Objectives against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from ssavl.engine.schedule import openings, ramp
from ssavl.methods.ssavl.neighbours import nearest_mean, neighbours, spectrum
from ssavl.models.protocol import Observed
from ssavl.objectives.consistency import paired_information
from ssavl.objectives.contrast import contrast
from ssavl.objectives.elbo import elbo
from ssavl.objectives.invariances import Invariances
from ssavl.objectives.likelihood import Likelihood, LikelihoodName, bits_per_dimension
from ssavl.objectives.mutual_information import code_nll
from ssavl.objectives.wgan_gp import critic_loss, generator_loss, gradient_penalty
from tests.linear_gaussian import SIGMA, LinearGaussian


class LinearCritic(nn.Module):
    """D(x) = w . x, whose gradient is w everywhere."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.weights = nn.Parameter(weights)

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.weights).flatten(1).sum(1)


@pytest.mark.parametrize("channels", [1, 3])
def test_gradient_penalty_of_linear_critics(channels: int) -> None:
    torch.manual_seed(0)
    rng = torch.Generator().manual_seed(0)
    x, x_gen = torch.rand(2, 5, channels, 6, 6)
    direction = torch.randn(channels, 6, 6)
    unit = direction / direction.norm()
    assert gradient_penalty(LinearCritic(unit), x, x_gen, rng).abs().max() < 1e-10
    assert torch.allclose(
        gradient_penalty(LinearCritic(3 * unit), x, x_gen, rng), torch.full((5,), 4.0)
    )


def test_gradient_penalty_of_a_quadratic_critic_by_hand() -> None:
    """D(x) = |x|^2 / 2 has gradient x, so the penalty is (|x~| - 1)^2 at the interpolated
    points.
    """
    x, x_gen = torch.rand(2, 4, 3, 5, 5)
    penalty = gradient_penalty(
        lambda t: t.flatten(1).square().sum(1) / 2, x, x_gen, torch.Generator().manual_seed(3)
    )
    epsilon = torch.rand(4, generator=torch.Generator().manual_seed(3)).view(4, 1, 1, 1)
    assert epsilon.unique().numel() == 4
    between = epsilon * x + (1 - epsilon) * x_gen
    assert torch.allclose(penalty, (between.flatten(1).norm(dim=1) - 1).square(), atol=1e-5)


def test_penalty_and_losses_reach_the_right_parameters() -> None:
    critic = LinearCritic(torch.rand(1, 4, 4))
    x, x_gen = torch.rand(2, 3, 1, 4, 4)
    x_gen.requires_grad_(True)
    loss = critic_loss(critic, x, x_gen) + gradient_penalty(
        critic, x, x_gen, torch.Generator().manual_seed(0)
    )
    loss.mean().backward()
    assert x_gen.grad is None
    assert critic.weights.grad is not None
    assert critic.weights.grad.abs().sum() > 0
    generator_loss(critic, x_gen).mean().backward()
    assert x_gen.grad is not None


@pytest.mark.parametrize("roles", [("noise", "code"), ("code",), ("noise",)])
@pytest.mark.parametrize("spoil", [0.0, 0.3])
def test_every_surrogate_is_at_most_the_exact_log_likelihood(
    roles: tuple[str, ...], spoil: float
) -> None:
    torch.manual_seed(0)
    generator = LinearGaussian()
    x = generator.sample(8)
    exact = generator.log_prob(x)
    n = 4000
    posterior = generator.posterior(x.repeat_interleave(n, 0), spoil)
    part = posterior.over(generator.latent_space.subspace(*roles))  # type: ignore[arg-type]
    given = generator.latent_space.split(
        generator.latent_space.sample(8 * n, torch.Generator().manual_seed(0))
    )
    bound = elbo(
        x.repeat_interleave(n, 0),
        Observed(generator, Likelihood("gaussian", SIGMA)),
        part,
        part.sample(),
        given,
    )
    draws = bound.value().unflatten(0, (8, n))
    error = draws.std(1) / math.sqrt(n)
    gap = exact - draws.mean(1)
    if len(roles) == 2 and not spoil:
        assert (gap.abs() < 4 * error).all()
    else:
        assert (gap > 4 * error).all()


@pytest.mark.parametrize(("roles", "scales"), [(("code",), (0.0, 1.0)), (("noise",), (1.0, 0.0))])
def test_surrogates_with_a_given_block_are_exact_where_it_does_not_matter(
    roles: tuple[str, ...], scales: tuple[float, float]
) -> None:
    torch.manual_seed(0)
    generator = LinearGaussian(*scales)
    x = generator.sample(6).repeat_interleave(4000, 0)
    part = generator.posterior(x).over(
        generator.latent_space.subspace(*roles)  # type: ignore[arg-type]
    )
    given = generator.latent_space.split(
        generator.latent_space.sample(len(x), torch.Generator().manual_seed(0))
    )
    density = Observed(generator, Likelihood("gaussian", SIGMA))
    value = elbo(x, density, part, part.sample(), given).value()
    draws = value.unflatten(0, (6, 4000))
    error = draws.std(1) / math.sqrt(4000)
    assert ((draws.mean(1) - generator.log_prob(x[::4000])).abs() < 4 * error).all()


def test_exact_posterior_satisfies_bayes_at_every_point() -> None:
    """log p(x | u) + log p(u) - log q(u | x) = log p(x) for any u:
    no Monte Carlo, no tolerance to hide in.
    """
    generator = LinearGaussian()
    x = generator.sample(16)
    space = generator.latent_space
    latents = space.sample(16, torch.Generator().manual_seed(5))
    joint = Likelihood("gaussian", SIGMA)(x, generator(latents)) + sum(
        space.prior().log_prob(latents).values()
    )
    q = sum(generator.posterior(x).log_prob(latents).values())
    assert torch.allclose(joint - q, generator.log_prob(x), atol=2e-3)


def test_beta_weighs_the_divergences_alone() -> None:
    generator = LinearGaussian()
    x = generator.sample(4)
    posterior = generator.posterior(x)
    bound = elbo(x, Observed(generator, Likelihood()), posterior, posterior.sample())
    kl = sum(bound.kl.values())
    assert torch.allclose(bound.value(0.0), bound.log_likelihood)
    assert torch.allclose(bound.value(3.0), bound.log_likelihood - 3 * kl)


def test_a_block_neither_inferred_nor_given_is_an_error() -> None:
    generator = LinearGaussian()
    x = generator.sample(2)
    part = generator.posterior(x).over(generator.latent_space.subspace("code"))
    with pytest.raises(KeyError, match="noise"):
        elbo(x, Observed(generator, Likelihood()), part, part.sample())


def test_likelihoods_have_their_closed_forms() -> None:
    x, x_hat = torch.rand(2, 3, 1, 4, 4)
    squared = (x - x_hat).square().flatten(1).sum(1)
    assert torch.allclose(Likelihood("paper")(x, x_hat), -squared)
    gaussian = -squared / (2 * 0.2**2) - 16 * math.log(0.2 * math.sqrt(2 * math.pi))
    assert torch.allclose(Likelihood("gaussian", 0.2)(x, x_hat), gaussian, atol=1e-4)
    bernoulli = (x * x_hat.log() + (1 - x) * (1 - x_hat).log()).flatten(1).sum(1)
    assert torch.allclose(Likelihood("bernoulli")(x, x_hat), bernoulli, atol=1e-4)
    black = torch.zeros(1, 1, 4, 4)
    assert torch.isfinite(Likelihood("bernoulli")(1 - black, black)).all()


@pytest.mark.parametrize("name", ["paper", "gaussian", "bernoulli"])
def test_likelihoods_are_best_at_the_image_itself(name: LikelihoodName) -> None:
    x = torch.rand(5, 3, 4, 4)
    likelihood = Likelihood(name, 0.2)
    assert (likelihood(x, x) > likelihood(x, (x + 0.1).clamp(max=1))).all()
    assert likelihood(x, x).shape == (5,)


def test_bits_per_dimension_of_a_uniform_density_is_eight() -> None:
    assert bits_per_dimension(torch.zeros(2), 784).tolist() == pytest.approx([8.0, 8.0])


def test_identity_invariances_change_nothing() -> None:
    x = torch.rand(3, 1, 8, 8)
    assert torch.equal(Invariances()(x, torch.Generator().manual_seed(0)), x)


def test_invariances_move_what_they_say() -> None:
    x = torch.zeros(64, 1, 21, 21)
    x[:, :, 10, 10] = 1
    rng = torch.Generator().manual_seed(0)
    turned = Invariances(rotation=45)(x, rng)
    # the centre of a rotation stays
    assert torch.allclose(turned[:, 0, 10, 10], torch.ones(64), atol=1e-3)
    shifted = Invariances(shift=0.25)(x, rng)[:, 0]
    rows = (shifted.sum(2) * torch.arange(21)).sum(1) / shifted.sum((1, 2))
    assert (rows - 10).abs().max() <= 0.25 * 21 + 0.5
    assert (rows - 10).abs().max() > 3
    noisy = Invariances(noise=0.1)(torch.zeros(64, 3, 21, 21), rng)
    assert noisy.std().item() == pytest.approx(0.1, rel=0.02)


def test_a_mirror_image_shows_up_in_half_of_the_draws() -> None:
    x = torch.rand(1, 1, 8, 8).repeat(400, 1, 1, 1)
    flipped = Invariances(flip=True)(x, torch.Generator().manual_seed(0))
    same = (flipped == x).flatten(1).all(1)
    assert torch.equal(flipped[~same], x.flip(-1)[~same])
    assert 150 < same.sum() < 250


def test_grey_levels_keep_black_and_their_order() -> None:
    x = torch.linspace(0, 1, 64).view(1, 1, 8, 8).repeat(100, 1, 1, 1)
    rng = torch.Generator().manual_seed(0)
    scaled = Invariances(contrast=0.3)(x, rng)
    assert scaled[:, 0, 0, 0].abs().max() == 0
    assert (scaled[:, 0, -1, -1] - 1).abs().max().item() == pytest.approx(0.3, abs=0.02)
    bent = Invariances(gamma=0.5)(x, rng)
    assert (bent.flatten(1).diff(dim=1) >= 0).all()
    assert torch.allclose(bent[:, 0, -1, -1], torch.ones(100))
    exponents = bent[:, 0, 4, 0].log() / x[0, 0, 4, 0].log()
    assert exponents.log().abs().max().item() == pytest.approx(0.5, abs=0.03)


def test_a_warp_moves_points_smoothly_and_as_far_as_it_says() -> None:
    # each pixel's own abscissa
    ramp_image = torch.linspace(-1 + 1 / 32, 1 - 1 / 32, 32).expand(500, 1, 32, 32)
    warped = Invariances(warp=0.05)(ramp_image, torch.Generator().manual_seed(0))
    moved = (warped - ramp_image)[..., 8:24, 8:24]
    assert 0.02 < moved.std().item() < 0.06  # 0.05 at the grid's knots, less between them
    assert moved.diff(dim=-1).abs().max() < 0.1


def test_invariances_are_differentiable_in_the_image() -> None:
    x = torch.rand(2, 1, 8, 8, requires_grad=True)
    transform = Invariances(
        15, 0.1, 0.1, 0.1, warp=0.1, flip=True, contrast=0.1, gamma=0.1, noise=0.1
    )
    transform(x, torch.Generator().manual_seed(0)).sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0


def test_paired_information_of_known_cases() -> None:
    k = 5
    one_hot = torch.eye(k).repeat(4, 1)
    assert paired_information(one_hot, one_hot).mean().item() == pytest.approx(
        math.log(k), abs=1e-5
    )
    flat = torch.full((20, k), 1 / k)
    assert paired_information(flat, flat).abs().max() < 1e-5
    collapsed = torch.eye(k)[torch.zeros(20, dtype=torch.long)]
    assert paired_information(collapsed, collapsed).abs().max() < 1e-5
    p, q = torch.rand(2, 30, k).softmax(-1)
    joint = (p.T @ q + q.T @ p) / 60
    exact = (joint * (joint / (joint.sum(1, keepdim=True) * joint.sum(1))).log()).sum()
    assert torch.allclose(paired_information(p, q).mean(), exact, atol=1e-6)


def test_contrast_of_known_cases() -> None:
    n, temperature = 6, 0.5
    apart = torch.eye(n)
    others = 2 * (n - 1)
    exact = -math.log1p(others * math.exp(-1 / temperature))  # partner at cosine 1, all others at 0
    assert torch.allclose(contrast(apart, apart, temperature), torch.full((n,), exact), atol=1e-6)
    collapsed = torch.ones(n, 1)
    assert torch.allclose(
        contrast(collapsed, collapsed, temperature), torch.full((n,), -math.log(2 * n - 1))
    )
    e, e_view = torch.nn.functional.normalize(torch.randn(2, n, 3), dim=-1)
    swapped = contrast(e_view, e, temperature)
    assert torch.allclose(contrast(e, e_view, temperature), swapped, atol=1e-6)


def test_neighbours_are_the_nearest_others_by_angle() -> None:
    angle = torch.tensor([0.0, 0.1, 0.3, 2.0, 2.1, 2.4])
    features = (
        torch.stack([angle.cos(), angle.sin()], 1)
        * torch.tensor([1.0, 5.0, 2.0, 1.0, 9.0, 3.0])[:, None]
    )
    assert neighbours(features, 2).tolist() == [[1, 2], [0, 2], [1, 0], [4, 5], [3, 5], [4, 3]]


def test_the_spectrum_brings_together_what_neighbours_connect() -> None:
    """Two rings, one inside the other: no two means separate them in the plane,
    any two do in the spectrum.
    """
    angle = torch.arange(40) * 2 * math.pi / 40
    ring = torch.arange(40)
    near = torch.stack([(ring + step) % 40 for step in (1, -1, 2, -2)], 1)
    points = spectrum(torch.cat([near, near + 40]), 2)
    assert torch.allclose(points.norm(dim=1), torch.ones(80, dtype=points.dtype))
    assert (
        torch.cdist(points[:40], points[:40]).max()
        < 0.01
        < torch.cdist(points[:40], points[40:]).min()
    )
    plane = torch.cat([torch.stack([angle.cos(), angle.sin()], 1) * radius for radius in (1, 2)])
    truth = torch.arange(80) // 40
    stray = truth.clone()
    stray[[0, 7, 50]] = 1 - stray[[0, 7, 50]]
    assert torch.equal(nearest_mean(points, stray, 2), truth)
    assert not torch.equal(nearest_mean(plane, stray, 2), truth)


def test_the_spectrum_tells_parts_apart_however_small() -> None:
    sizes = (2, 3, 30)
    parts = torch.repeat_interleave(torch.arange(3), torch.tensor(sizes))
    near = torch.cat(
        [(torch.arange(n) + 1) % n + start for n, start in zip(sizes, (0, 2, 5), strict=True)]
    )[:, None]
    points = spectrum(near, 3)
    together = torch.cdist(points, points) < 1e-6
    assert torch.equal(together, parts[:, None] == parts)


def test_information_of_a_perfect_reader_is_the_entropy() -> None:
    from tests.test_latents import SPACE

    category = SPACE.subspace("category")
    one_hot = torch.eye(4)
    nll = code_nll(category.posterior(50 * one_hot), one_hot)["category"]
    assert nll.abs().max() < 1e-5
    assert code_nll(category.posterior(0 * one_hot), one_hot)["category"].tolist() == pytest.approx(
        [math.log(4)] * 4
    )


def test_dimensions_that_are_not_open_count_nothing() -> None:
    from tests.test_latents import SPACE

    torch.manual_seed(0)
    code = SPACE.subspace("code")
    latents = code.sample(6, torch.Generator().manual_seed(0))
    posterior = code.posterior(torch.randn(6, code.parameter_size))
    single = [code_nll(posterior, latents, {"code": row})["code"] for row in torch.eye(code.dim)]
    assert torch.allclose(torch.stack(single).sum(0), code_nll(posterior, latents)["code"])
    assert code_nll(posterior, latents, {"code": torch.zeros(code.dim)})["code"].abs().max() == 0


def test_openings_follow_one_another() -> None:
    assert [openings(step, 3, start=1, every=2, length=2) for step in (0, 1, 2, 4, 9)] == [
        [0, 0, 0],
        [0.5, 0, 0],
        [1, 0, 0],
        [1, 1, 0],
        [1, 1, 1],
    ]


def test_ramp() -> None:
    assert [ramp(step, 2, 4) for step in range(8)] == [0, 0, 0.25, 0.5, 0.75, 1, 1, 1]
    assert ramp(0, 0, 0) == 1
