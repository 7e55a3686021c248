"""What mixtures of components and of experts promise: closed forms, identities, invariances."""

from __future__ import annotations

import math
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Beta, Dirichlet, Normal, kl_divergence

from ssavl.latents.continuous import gaussian
from ssavl.latents.priors import Block
from ssavl.latents.space import LatentSpace
from ssavl.methods.mixtures import msvi, mvae
from ssavl.models.protocol import Observed
from ssavl.networks.components import mixing_of, shares_of
from ssavl.networks.experts import Experts, product
from ssavl.objectives.elbo import elbo
from ssavl.objectives.likelihood import Likelihood
from tests.linear_gaussian import SIGMA, LinearGaussian
from tests.methods import common, draws

LINE = LatentSpace([Block("noise", "noise", "normal", 1)])
MODEL = LinearGaussian()
SEEN = Observed(MODEL, Likelihood("gaussian", SIGMA))


class Fixed(Normal):
    """Of which the first draw is known."""

    def __init__(self, loc: Tensor, scale: Tensor, noise: Tensor) -> None:
        super().__init__(loc, scale)
        self.noise = noise

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.loc + self.scale * self.noise


class Even(Dirichlet):
    """Of which a draw is the mean."""

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        found: Tensor = self.mean
        return found


def mixed(loc: Tensor, noise: Tensor, weights: Tensor, parts: list[nn.Module]) -> dict[str, Tensor]:
    """MVAE's loss and terms by known draws; an image is what is mixed."""
    z, shares = Fixed(loc, torch.full_like(loc, 0.7), noise), Even(weights)

    def image(drawn: Tensor, own: Tensor) -> Tensor:
        hidden = torch.stack([part(drawn[:, k]) for k, part in enumerate(parts)], 1)
        return (own.unsqueeze(-1) * hidden).sum(1)

    players = mvae.Players(
        SimpleNamespace(mixed=image),  # type: ignore[arg-type]
        SimpleNamespace(read=lambda x: (z, shares)),  # type: ignore[arg-type]
        None,
        SimpleNamespace(batch_size=5, likelihood=Likelihood()),  # type: ignore[arg-type]
        SimpleNamespace(real=lambda n: torch.full((n, 4), 0.5)),  # type: ignore[arg-type]
        1.0,
    )
    return mvae.mixed_terms(players, 0)


def toy(count: int) -> tuple[Tensor, Tensor, Tensor, list[nn.Module]]:
    torch.manual_seed(0)
    loc, noise = torch.randn(2, 5, count, 2)
    return loc, noise, torch.rand(5, count) + 0.2, [nn.Linear(2, 4) for _ in range(count)]


def test_mvae_of_one_component_is_a_vae() -> None:
    loc, noise, weights, (part,) = toy(1)
    terms = mixed(loc, noise, weights, [part])
    law = Normal(loc[:, 0], torch.tensor(0.7))
    x_hat = part(loc[:, 0] + 0.7 * noise[:, 0])
    bound = Likelihood()(torch.full((5, 4), 0.5), x_hat) - kl_divergence(law, Normal(0.0, 1.0)).sum(
        -1
    )
    assert torch.allclose(terms["loss"], -bound, atol=1e-5)
    assert terms["kl_shares"].abs().max() < 1e-5


def test_the_loss_does_not_know_the_order_of_components() -> None:
    loc, noise, weights, parts = toy(3)
    before, order = mixed(loc, noise, weights, parts), [2, 0, 1]
    after = mixed(loc[:, order], noise[:, order], weights[:, order], [parts[k] for k in order])
    for name, term in before.items():
        assert torch.allclose(after[name], term, atol=1e-5), name
    wrong = mixed(loc[:, order], noise[:, order], weights, [parts[k] for k in order])
    assert not torch.allclose(wrong["loss"], before["loss"])


def test_the_price_of_shares_is_that_of_beta_laws_where_there_are_two() -> None:
    loc, noise, weights, parts = toy(2)
    found = mixed(loc, noise, weights, parts)["kl_shares"]
    share = torch.linspace(1e-4, 1 - 1e-4, 20_001, dtype=torch.float64)
    first, second = weights.double().unsqueeze(-1).unbind(1)
    log_q = Beta(first, second).log_prob(share)
    by_quadrature = torch.trapezoid(log_q.exp() * log_q, share)  # the prior's density is 1
    known = torch.distributions.kl_divergence(
        Dirichlet(weights.double()), Dirichlet(torch.ones(5, 2).double())
    )
    assert torch.allclose(found.double(), known, atol=1e-5)
    inside = (weights > 0.9).all(1)  # elsewhere the ends that quadrature leaves out count
    assert inside.any()
    assert torch.allclose(known[inside], by_quadrature[inside], atol=1e-2)


@pytest.mark.parametrize("count", [1, 4, 16, 64])
def test_shares_survive_the_way_through_latents_however_many_components(count: int) -> None:
    torch.manual_seed(0)
    shares = Dirichlet(torch.full((count,), 0.2)).sample((50,))
    shares[0] = torch.eye(count)[0] * 0.99 + 0.01 / count
    assert torch.allclose(shares_of(mixing_of(shares)), shares, atol=2e-3)


def some(count: int, n: int = 1) -> list[Any]:
    torch.manual_seed(0)
    space = MODEL.latent_space
    return [
        space.posterior(torch.randn(1, space.parameter_size).expand(n, -1)) for _ in range(count)
    ]


@pytest.mark.parametrize("objective", ["individual", "mixture", "product"])
def test_of_one_source_every_bound_is_the_vaes(objective: msvi.Objective) -> None:
    (posterior,), x = some(1, 20_000), MODEL.sample(1).expand(20_000, -1, -1, -1)
    torch.manual_seed(1)
    draw = posterior.rsample()
    vaes = elbo(x, SEEN, posterior, draw).value()
    torch.manual_seed(1)
    own = msvi.bound(x, SEEN, [posterior], objective)
    if objective == "mixture":  # the divergence by one draw
        assert own.mean().item() == pytest.approx(vaes.mean().item(), abs=0.1)
        again = posterior.log_prob(draw), posterior.space.prior(x.device).log_prob(draw)
        ratio = sum(again[0].values()) - sum(again[1].values())
        kl = sum(posterior.kl().values())
        assert torch.allclose(own, vaes + kl - ratio, atol=1e-3)
    else:
        assert torch.allclose(own, vaes, atol=1e-4)


def test_the_mixtures_gain_is_what_experts_differ_by_and_at_most_log_m() -> None:
    """1/M sum_m KL(q_m || q), q their mixture; in one dimension, by quadrature."""
    u = torch.linspace(-12, 12, 48_001).unsqueeze(1)
    laws = [(0.0, 0.5), (1.0, 0.8), (3.0, 0.4)]
    told = [torch.tensor([[mean, 2 * math.log(s)]]) for mean, s in laws]
    logs = torch.stack([Normal(*law).log_prob(u[:, 0]) for law in laws])
    whole = logs.logsumexp(0) - math.log(3)
    gain = torch.trapezoid(logs.exp() * (logs - whole), u[:, 0]).mean().item()
    assert 0 < gain < math.log(3)
    n = 100_000
    density: Any = SimpleNamespace(log_prob=lambda x, u: torch.zeros(len(u)))
    posteriors = [LINE.posterior(own.expand(n, -1)) for own in told]
    torch.manual_seed(0)
    found = [
        msvi.bound(torch.zeros(n, 1), density, posteriors, own).mean().item()
        for own in ("individual", "mixture")
    ]
    assert found[1] - found[0] == pytest.approx(gain, abs=0.02)


def test_experts_that_are_messages_of_their_sources_multiply_to_the_exact_posterior() -> None:
    """x_m = z + s_m e: the product is p(z | x_1, ..., x_M), and its bound the evidence."""
    deviations = torch.tensor([0.5, 1.0, 2.0])
    torch.manual_seed(0)
    z = torch.randn(4000, 1)
    x = z + deviations * torch.randn(4000, 3)
    told = [torch.stack([x[:, m], (2 * deviations[m].log()).expand(4000)], -1) for m in range(3)]
    posterior = LINE.posterior(product(told, LINE))
    precision = 1 + deviations.square().reciprocal().sum()
    law = gaussian(posterior)
    exact = (x / deviations.square()).sum(1, keepdim=True) / precision
    assert torch.allclose(law.loc, exact, atol=1e-5)
    assert torch.allclose(law.scale, precision.rsqrt())
    density: Any = SimpleNamespace(log_prob=lambda x, u: Normal(u, deviations).log_prob(x).sum(-1))
    covariance = torch.ones(3, 3) + torch.diag(deviations.square())
    evidence = torch.distributions.MultivariateNormal(torch.zeros(3), covariance).log_prob(x)
    bound = msvi.bound(x, density, [posterior], "product")
    assert bound.mean().item() == pytest.approx(evidence.mean().item(), abs=0.05)
    single = [LINE.posterior(product([own], LINE)) for own in told]
    assert msvi.bound(x, density, single, "mixture").mean() < evidence.mean()


@pytest.mark.parametrize("objective", ["individual", "mixture", "product"])
def test_what_is_left_is_the_product_and_reads_nothing_outside_its_sources(objective: str) -> None:
    data = draws()
    method = msvi.build(msvi.Params(objective=objective), common(data), data)
    (experts,) = method.leaves.encoders
    assert isinstance(experts, Experts)
    x = torch.rand(3, 1, 28, 28)
    moved = x.clone()
    moved[:, :, 14:, 14:] = 0
    before, after = (experts.parameters_of(own) for own in (x, moved))
    assert [torch.equal(a, b) for a, b in zip(before, after, strict=True)] == [True] * 3 + [False]
    posterior = experts.posterior(x)
    whole = experts.space.posterior(product(before, experts.space))
    assert torch.equal(posterior.mode, whole.mode)
    assert torch.equal(posterior.mode, experts.mode(x))


def test_kept_components_are_learned_and_a_certain_one_costs_nothing() -> None:
    kept = mvae.Kept()
    torch.manual_seed(0)
    keep = partial(mvae.keep, torch.full((4, 3), 1 / 3))
    shares, price = keep(kept)
    (shares[:, 0].sum() + price).backward()
    assert kept.logit.grad is not None
    assert kept.logit.grad != 0
    with torch.no_grad():
        kept.logit.fill_(30.0)
    shares, price = keep(kept)
    assert torch.allclose(shares, torch.full((4, 3), 1 / 3), atol=1e-4)
    assert price.item() == pytest.approx(0, abs=1e-6)
