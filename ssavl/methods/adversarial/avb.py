r"""AVB, adversarial variational Bayes (Mescheder et al. 2017): posteriors of any shape.

An encoder z = E(x, eps) with noise inside has no density. A critic T estimates what the bound needs
of it: :math:`T^*(x, z) = \log q(z \mid x) - \log p(z)`,

.. math:: L_T = -\log \sigma(T(x, z_q)) - \log(1 - \sigma(T(x, z_p))), \qquad
          L_{GE} = -\log p(x \mid z_q) + T(x, z_q)

With *adaptive contrast* T compares with the Gaussian :math:`r(z \mid x)` of the encoder's own mean
and deviation of each image, in place of the prior: what is left to estimate is small, and
:math:`\log r - \log p` is known. Moments are those of ``samples`` draws whose noise is chosen once
and for all. Any function of x would do, but none with chance in it: T does not see that, and it
blurs what T sees. No gradient flows through moments: where T is right, that of log q in its
parameters is 0 on average. An undertrained T underestimates the divergence, so that the bound can
exceed the truth. A category is one-hot, relaxed on the way back, and is compared with its prior.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.distributions import Normal

from ssavl.engine.act import Act
from ssavl.engine.memory import Memory
from ssavl.engine.phase import Phase, alike
from ssavl.images.draws import Draws
from ssavl.latents.implicit import Noisy
from ssavl.latents.posterior import Posterior
from ssavl.latents.space import LatentSpace
from ssavl.methods.method import Common, Leaves, Method
from ssavl.methods.pairs import Pairing, pairing
from ssavl.methods.shared import NORMALISED, Terms
from ssavl.networks.noisy_encoder import NoisyEncoder
from ssavl.objectives.density_ratio import telling_apart
from ssavl.objectives.likelihood import Likelihood
from ssavl.params.section import Section
from ssavl.params.shared import Count, Size


class Params(Section):
    """What AVB reads of its own."""

    noise: Size = Field(32, description="dimensions of the noise inside of the encoder")
    width: Size = Field(256, description="neurons of the layers behind the image")
    contrast: bool = Field(True, description="adaptive contrast")
    samples: Annotated[int, Field(ge=2, le=1000)] = Field(16, description="draws of its moments")
    n_critic: Count = Field(2, description="steps of the critic for one of the players")


@dataclass(frozen=True)
class Game:
    """The players, and how their latents are compared.

    Attributes:
        memory: ``noises`` ``(draws, noise)`` of the draws whose moments adaptive contrast takes;
            ``None`` for none.
        beta: weight of the divergence.
    """

    players: Pairing
    space: LatentSpace
    likelihood: Likelihood
    memory: Memory | None
    beta: float = 1.0

    def contrasted(self, u: Tensor, posterior: Posterior) -> tuple[Tensor, Tensor]:
        """Latents ``(B, D)`` as T sees them, and what is known of log q - log p, ``(B,)``."""
        base, known = self.space.to_base(u), torch.zeros(len(u), device=u.device)
        if self.memory is None:
            return base, known
        assert isinstance(posterior, Noisy), "moments of draws whose noise is chosen"
        with torch.no_grad():
            drawn = [self.space.to_base(posterior.at(noise)) for noise in self.memory.noises]
            deviation, mean = torch.std_mean(torch.stack(drawn), 0)
            deviation = deviation.clamp_min(1e-3)
        parts = [self.space.split(own) for own in (base, mean, deviation)]
        for block in self.space.of_role("noise", "code"):
            value, centre, width = (own[block.name] for own in parts)
            own = Normal(centre, width).log_prob(value) - Normal(0.0, 1.0).log_prob(value)
            known = known + own.sum(-1)
            parts[0][block.name] = (value - centre) / width
        return self.space.join(parts[0]), known


def build(params: Params, common: Common, data: Draws) -> Method:
    """The critic, then both players."""
    kind = partial(NoisyEncoder, noise=params.noise, width=params.width)
    players, generator, encoder = pairing(common, data, params.width, 0.0, kind)
    noises = torch.randn(params.samples, params.noise)
    memory = Memory(noises=noises) if params.contrast else None
    game = Game(players, generator.latent_space, common.likelihood, memory, common.beta)
    ratio = partial(ratio_terms, game)
    phases = (
        Phase("critic", ("critic",), ratio, params.n_critic, varies=alike),
        Phase("players", ("generator", "encoder"), partial(bound_terms, game), varies=alike),
    )
    act = Act("avb", phases, common.optimisation, coupled=NORMALISED)
    remembered = {} if memory is None else {"memory": memory}
    return Method({**players.modules, **remembered}, (act,), Leaves(generator, (encoder,)))


def ratio_terms(game: Game, update: int) -> Terms:
    """L_T; with adaptive contrast, of standardised latents against standard ones."""
    players = game.players
    x = players.real()
    with torch.no_grad():
        posterior = players.infer(x)
        z, _ = game.contrasted(posterior.rsample(straight_through=True), posterior)
        other = game.space.to_base(players.latents())
    return {"loss": telling_apart(players.critic(x, z), players.critic(x, other))}


def bound_terms(game: Game, update: int) -> Terms:
    """L_GE: minus the bound, whose divergence T and the contrast estimate."""
    players = game.players
    x = players.real()
    posterior = players.infer(x)
    u = posterior.rsample(straight_through=True)
    log_likelihood = game.likelihood(x, players.generator(u))
    z, known = game.contrasted(u, posterior)
    kl = players.critic(x, z) + known
    return {"loss": game.beta * kl - log_likelihood, "log_likelihood": log_likelihood, "kl": kl}
