"""Games of pairs on vectors: optima, gradients and inverses against closed forms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal, kl_divergence

from ssavl.engine.act import Act
from ssavl.engine.phase import Phase
from ssavl.engine.playing import Playing
from ssavl.latents.point import Point
from ssavl.latents.posterior import Posterior
from ssavl.latents.priors import Block
from ssavl.latents.space import LatentSpace
from ssavl.methods.adversarial import as_vae, veegan
from ssavl.methods.adversarial.as_vae import Symmetric, symmetric_terms
from ssavl.methods.adversarial.veegan import reconstructing_terms
from ssavl.methods.pairs import Pairing, critic_terms, players_terms
from ssavl.objectives.likelihood import Likelihood
from ssavl.params.shared import OptimisationParams
from tests.methods import CPU, common, draws

SPACE = LatentSpace([Block("noise", "noise", "normal", 1)])
S = 0.5  # deviation of images about the generator's
MANY = 400_000


class Quadratic(nn.Module):
    """Images and latents of one number to scores: all that Gaussian laws need."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(6))

    def forward(self, x: Tensor, u: Tensor) -> Tensor:
        ones = torch.ones_like(x)
        return torch.cat([ones, x, u, x * x, x * u, u * u], -1) @ self.weights


class Line(nn.Module):
    """y = slope v + offset, and with ``spread`` the log-variance of a Gaussian about it."""

    def __init__(self, slope: float, offset: float, spread: float | None = None) -> None:
        super().__init__()
        self.values = nn.Parameter(
            torch.tensor([slope, offset] + ([] if spread is None else [spread]))
        )

    def forward(self, v: Tensor) -> Tensor:
        slope, offset, *spread = self.values.unbind()
        y = slope * v + offset
        return torch.cat([y, spread[0].expand_as(y)], -1) if spread else y


def toy(generator: Line, encoder: Line, stochastic: bool, n: int, mean: float = 1.5) -> Pairing:
    """Images N(mean, 2^2) of one number, and one Gaussian latent."""
    rng = torch.Generator().manual_seed(2)  # not torch's own stream, which draws of posteriors have
    critic = Quadratic()

    def infer(x: Tensor) -> Posterior:
        return SPACE.posterior(encoder(x)) if stochastic else Point(SPACE, encoder(x))

    return Pairing(
        generator,
        infer,
        critic,
        lambda: mean + 2 * torch.randn(n, 1, generator=rng),
        lambda: SPACE.sample(n, rng),
        rng,
        0.0,
        {"generator": generator, "encoder": encoder, "critic": critic},
    )


@pytest.mark.parametrize("stochastic", [True, False], ids=["ali", "bigan"])
def test_a_linear_pair_becomes_each_others_inverse(stochastic: bool) -> None:
    torch.manual_seed(0)
    generator = Line(1.0, 0.0)
    encoder = Line(0.3, 0.0, 0.0) if stochastic else Line(0.3, 0.0)
    game = toy(generator, encoder, stochastic, 512)
    phases = (
        Phase("critic", ("critic",), lambda n: critic_terms(game, n), repeats=3),
        Phase("players", ("generator", "encoder"), lambda n: players_terms(game, n)),
    )
    pace = OptimisationParams(iterations=1500, learning_rate=0.01, adam_betas=(0.5, 0.9), decay=700)
    playing = Playing(Act("toy", phases, pace), game.modules, CPU)
    playing.begin()
    while not playing.done:
        playing.iterate()
    slope, offset = generator.values[:2].tolist()
    assert abs(slope) == pytest.approx(2.0, abs=0.2)
    assert offset == pytest.approx(1.5, abs=0.2)
    inverse, shift = encoder.values[:2].tolist()
    assert inverse * slope == pytest.approx(1.0, abs=0.1)
    assert inverse * offset + shift == pytest.approx(0.0, abs=0.1)


def test_noise_on_what_is_judged_leaves_the_latents_alone() -> None:
    game = replace(toy(Line(1.0, 0.0), Line(1.0, 0.0), False, 4), noise=0.5)
    seen: list[tuple[Tensor, Tensor]] = []

    def critic(x: Tensor, u: Tensor) -> Tensor:
        seen.append((x, u))
        return x.sum(-1)

    x, u = game.inferred()
    assert torch.equal(x, u)
    game.scores(critic, (x, u))
    ((judged, same),) = seen
    assert torch.equal(same, u)
    assert not torch.equal(judged, x)


# -- laws of the linear pair -----------------------------------------------------------------------


def generated_law(generator: Line) -> MultivariateNormal:
    """p(u) N(x; G(u), S^2) as a law of (x, u)."""
    slope, offset = generator.values
    one, zero = torch.ones(()), torch.zeros(())
    covariance = torch.stack([slope**2 + S**2, slope, slope, one]).view(2, 2)
    return MultivariateNormal(torch.stack([offset, zero]), covariance)


def inferred_law(encoder: Line) -> MultivariateNormal:
    """q(x) q(u | x) as a law of (x, u), where q(x) = N(1.5, 2^2)."""
    slope, offset, spread = encoder.values
    four = torch.tensor(4.0)
    covariance = torch.stack([four, 4 * slope, 4 * slope, 4 * slope**2 + spread.exp()]).view(2, 2)
    return MultivariateNormal(torch.stack([torch.tensor(1.5), slope * 1.5 + offset]), covariance)


def ratio(
    a: MultivariateNormal, b: MultivariateNormal, independent: bool
) -> Callable[[Tensor, Tensor], Tensor]:
    """The best critic of a against b, held still; of the marginals of b where ``independent``."""
    mean, covariance = a.mean.detach(), a.covariance_matrix.detach()
    other = b.covariance_matrix.detach()
    if independent:
        other = torch.diag(torch.diag(other))
    laws = MultivariateNormal(mean, covariance), MultivariateNormal(b.mean.detach(), other)

    def critic(x: Tensor, u: Tensor) -> Tensor:
        pair = torch.cat([x, u], -1)
        return laws[0].log_prob(pair) - laws[1].log_prob(pair)

    return critic


# the model whose joint laws agree: x = slope u + 1.5 + S n has variance 4
SLOPE = (4 - S**2) ** 0.5
EQUAL = (SLOPE, 1.5), (SLOPE / 4, -1.5 * SLOPE / 4, float(torch.tensor(1 - SLOPE**2 / 4).log()))
APART = (0.9, 0.4), (0.5, -0.2, -0.6)


@pytest.mark.parametrize(("g", "e"), [APART, EQUAL], ids=["apart", "equal"])
def test_as_vae_follows_both_divergences_of_the_joint_laws(
    g: tuple[float, float], e: tuple[float, float, float]
) -> None:
    torch.manual_seed(0)
    generator, encoder = Line(*g), Line(*e)
    p, q = generated_law(generator), inferred_law(encoder)
    exact = kl_divergence(q, p) + kl_divergence(p, q)
    moved = [generator.values, encoder.values]
    expected = torch.autograd.grad(exact, moved)
    likelihood, rng = Likelihood("gaussian", S), torch.Generator().manual_seed(1)
    players = replace(
        toy(generator, encoder, True, MANY),
        generator=lambda u: likelihood.sample(generator(u), rng),
        critic=ratio(q, p, independent=True),
    )
    game = Symmetric(players, ratio(p, q, independent=True), generator, likelihood)
    found = torch.autograd.grad(symmetric_terms(game, 0)["loss"].mean(), moved)
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, atol=0.04)
    if (g, e) == EQUAL:
        assert exact.abs().item() < 1e-5
        assert all(torch.allclose(own, torch.zeros(()), atol=1e-4) for own in expected)


def test_loose_pairs_keep_what_each_half_is() -> None:
    x, u = torch.arange(6.0).view(3, 2), torch.arange(3.0)[:, None]
    same, other = as_vae.loose((x, u))
    assert torch.equal(same, x)
    assert sorted(other.flatten().tolist()) == [0, 1, 2]
    assert not torch.eq(other, u).any()
    data = draws()
    with pytest.raises(ValueError, match="batch_size = 1"):
        as_vae.build(as_vae.Params(), common(data, batch_size=1), data)


def test_veegan_minimises_a_divergence_and_a_sum_of_errors() -> None:
    torch.manual_seed(0)
    generator, encoder = Line(0.9, 0.4), Line(0.5, -0.2, -0.6)
    p, q = generated_law(generator), inferred_law(encoder)
    likelihood, rng = Likelihood("gaussian", S), torch.Generator().manual_seed(1)
    players = replace(
        toy(generator, encoder, True, MANY),
        generator=lambda u: likelihood.sample(generator(u), rng),
        critic=ratio(q, p, independent=False),
    )
    terms = reconstructing_terms(players, nn.Identity(), SPACE, 2.0, 0)
    assert terms["ratio"].mean().item() == pytest.approx(kl_divergence(p, q).item(), abs=0.02)
    assert torch.allclose(terms["loss"], terms["ratio"] + 2 * terms["error"])
    assert veegan.Params().reconstruction == 1


def test_the_reconstructor_learns_from_errors_alone() -> None:
    generator, encoder = Line(0.9, 0.4), Line(0.5, -0.2)
    game = toy(generator, encoder, False, 32)
    for weights in game.modules["critic"].parameters():
        nn.init.normal_(weights)
    both = []
    for weight in (1.0, 0.0):
        loss = reconstructing_terms(game, encoder, SPACE, weight, 0)["loss"].mean()
        both.append(torch.autograd.grad(loss, encoder.values, allow_unused=not weight)[0])
    assert both[0].abs().sum() > 0
    assert both[1] is None or not both[1].any()
