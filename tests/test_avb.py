"""Adversarial variational Bayes: what the critic estimates, against closed forms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from ssavl.engine.memory import Memory
from ssavl.latents.implicit import Noisy
from ssavl.latents.posterior import Scored
from ssavl.latents.priors import Block
from ssavl.latents.space import LatentSpace
from ssavl.methods.adversarial.avb import Game, bound_terms, ratio_terms
from ssavl.methods.pairs import Pairing
from ssavl.networks.noisy_encoder import NoisyEncoder
from ssavl.networks.registry import entry, rebuild
from ssavl.networks.trunk import Trunk
from ssavl.objectives.likelihood import Likelihood
from tests.methods import SHAPE

LINE = LatentSpace([Block("noise", "noise", "normal", 1)])
SPACE = LatentSpace(
    [
        Block("noise", "noise", "normal", 2),
        Block("code", "code", "uniform", 1),
        Block("category", "category", "categorical", 3),
    ]
)


class Quadratic(nn.Module):
    """Images and latents of one number to scores: the best T of a Gaussian posterior is one."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(6))

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        ones = torch.ones_like(x)
        return torch.cat([ones, x, z, x * x, x * z, z * z], -1) @ self.weights


def game(
    space: LatentSpace,
    read: Callable[[Tensor, Tensor], Tensor],
    critic: Callable[[Tensor, Tensor], Tensor],
    samples: int,
    n: int,
    beta: float = 1.0,
) -> Game:
    """Images N(0, 1) of one number, and latents that ``read`` makes of them and of noise."""
    rng = torch.Generator().manual_seed(2)

    def infer(x: Tensor) -> Noisy:
        return Noisy(space, lambda noise: read(x, noise), torch.zeros(n, 1))

    players = Pairing(
        lambda u: u[:, :1],
        infer,
        critic,
        lambda: torch.randn(n, 1, generator=rng),
        lambda: space.sample(n, rng),
        rng,
        0.0,
        {},
    )
    memory = Memory(noises=torch.randn(samples, 1)) if samples else None
    return Game(players, space, Likelihood("gaussian", 1.0), memory, beta)


@pytest.mark.parametrize("samples", [0, 32], ids=["prior", "adaptive contrast"])
def test_the_critic_of_a_gaussian_posterior_finds_its_divergence(samples: int) -> None:
    torch.manual_seed(0)
    critic = Quadratic()
    own = game(LINE, lambda x, noise: 0.8 * x + 0.5 + 0.3 * noise, critic, samples, 20_000)
    search = torch.optim.LBFGS([critic.weights], max_iter=60, line_search_fn="strong_wolfe")
    state = torch.get_rng_state(), own.players.rng.get_state()

    def loss() -> Tensor:
        search.zero_grad()
        torch.set_rng_state(state[0])  # one batch at each call
        own.players.rng.set_state(state[1])
        value = ratio_terms(own, 0)["loss"].mean()
        value.backward()
        return value

    search.step(loss)
    x = torch.randn(200_000, 1)
    truth = kl_divergence(Normal(0.8 * x + 0.5, 0.3), Normal(0.0, 1.0)).mean().item()
    found = bound_terms(own, 0)["kl"].mean().item()
    assert found == pytest.approx(truth, abs=0.03)
    # what is left to find beside the contrast is almost nothing
    assert (critic.weights.abs().max().item() < 0.1) == bool(samples)


def test_contrast_is_the_log_ratio_of_a_gaussian_and_the_prior_in_base_space() -> None:
    torch.manual_seed(0)
    base = torch.cat([torch.randn(2, 5, 3), torch.eye(3)[torch.randint(3, (2, 5))]], -1)
    told = [SPACE.from_base(own) for own in base]  # by noises 0 and 1
    own = game(SPACE, lambda x, noise: x, lambda x, z: z.sum(-1), 2, 5)
    own = replace(own, memory=Memory(noises=torch.tensor([[0.0], [1.0]])))
    posterior = Noisy(SPACE, lambda noise: told[int(noise[0, 0])], torch.zeros(5, 1))
    u = SPACE.sample(5, torch.Generator().manual_seed(0))
    z, known = own.contrasted(u, posterior)
    deviation, mean = torch.std_mean(base[..., :3], 0)
    value = SPACE.to_base(u)[:, :3]
    expected = Normal(mean, deviation).log_prob(value) - Normal(0.0, 1.0).log_prob(value)
    assert torch.allclose(known, expected.sum(-1), atol=1e-3)
    assert torch.allclose(z[:, :3], (value - mean) / deviation, atol=1e-3)
    assert torch.equal(z[:, 3:], u[:, 3:])


def test_beta_weighs_the_divergence() -> None:
    found = []
    for beta in (1.0, 3.0):
        torch.manual_seed(0)
        own = game(LINE, lambda x, noise: x + noise, lambda x, z: z.sum(-1), 4, 6, beta)
        found.append(bound_terms(own, 0))
    assert torch.allclose(found[0]["kl"], found[1]["kl"])
    assert torch.allclose(found[1]["loss"] - found[0]["loss"], 2 * found[0]["kl"], atol=1e-5)


def test_a_noisy_encoder_is_a_black_box_with_a_centre() -> None:
    torch.manual_seed(0)
    encoder = NoisyEncoder(Trunk(SHAPE, 2, 4), SPACE, 3, 5)
    x = torch.rand(4, *SHAPE)
    posterior = encoder.posterior(x)
    assert not isinstance(posterior, Scored)
    assert torch.equal(posterior.mode, encoder.mode(x))
    one, other = posterior.sample(), posterior.rsample(straight_through=True)
    assert not torch.equal(one[:, :3], other[:, :3])
    for draw in (one, other, posterior.mode):
        parts = SPACE.split(draw)
        assert parts["code"].abs().max() <= 1
        assert torch.allclose(parts["category"].max(-1).values, torch.ones(4))
    again = rebuild(entry(encoder))
    assert isinstance(again, NoisyEncoder)
    assert torch.equal(again.mode(x), encoder.mode(x))
