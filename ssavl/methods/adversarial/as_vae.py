r"""AS-VAE, the adversarial symmetric VAE (Pu et al. 2017): images and latents bound both ways.

It maximises :math:`L_x + L_z`, each a mean log-likelihood less a divergence of joint laws:

.. math:: L_x = \mathbb E_{q(x)} \log p_\theta(x)
                - KL(q(x) q_\phi(u \mid x) \Vert p(u) p_\theta(x \mid u))

and :math:`L_z` with the parts exchanged. Two critics of pairs take the place of the marginals that
nobody can compute. :math:`f_1` tells inferred pairs from independent ones, a generated image with
latents of the prior: :math:`f_1^* = \log q_\phi(x, u) - \log p_\theta(x) p(u)`. :math:`f_2` tells
generated pairs from a real image with latents of another one:
:math:`f_2^* = \log p_\theta(x, u) - \log q(x) q_\phi(u)`. Then

.. math:: L_x + L_z = \mathbb E_{q(x) q_\phi} [\log p_\theta(x \mid u) - f_1(x, u)]
          + \mathbb E_{p(u) p_\theta} [\log q_\phi(u \mid x) - f_2(x, u)]

Both reconstructions appear; ``images`` and ``latents`` weigh them (the paper's variant "-r").
:math:`\log q_\phi` would push its deviations to 0; the encoder's log-variance is bounded. A
category in it is read as it was drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import torch
from pydantic import Field
from torch import Tensor

from ssavl.engine.act import Act
from ssavl.engine.phase import Phase, alike
from ssavl.images.draws import Draws
from ssavl.latents.posterior import Scored
from ssavl.methods.method import Common, Leaves, Method
from ssavl.methods.pairs import PairCritic, Pairing, joint_critic, pairing
from ssavl.methods.shared import NORMALISED, Terms
from ssavl.networks.encoder import Encoder
from ssavl.objectives.density_ratio import telling_apart
from ssavl.objectives.likelihood import Likelihood
from ssavl.params.section import Section
from ssavl.params.shared import Size, Weight


class Params(Section):
    """What AS-VAE reads of its own."""

    width: Size = Field(256, description="neurons of the critics' layers behind the image")
    noise: Weight = Field(0.1, description="deviation of noise on judged images, of [0, 1]")
    images: Weight = Field(1.0, description="weight of log p(x | u)")
    latents: Weight = Field(1.0, description="weight of log q(u | x)")


@dataclass(frozen=True)
class Symmetric:
    """Both critics, and the weights of both reconstructions."""

    players: Pairing
    inferred_critic: PairCritic
    generated_critic: PairCritic
    likelihood: Likelihood
    images: float
    latents: float


def build(params: Params, common: Common, data: Draws) -> Method:
    """Both critics, then both players."""
    players, generator, encoder = pairing(common, data, params.width, params.noise, Encoder)
    second = joint_critic(common, data, generator.latent_space.dim, params.width)
    players = replace(players, modules={**players.modules, "second_critic": second})
    weights = common.likelihood, params.images, params.latents
    game = Symmetric(players, players.critic, second, *weights)
    critics, moved = ("critic", "second_critic"), ("generator", "encoder")
    phases = (
        Phase("critics", critics, partial(critics_terms, game), varies=alike),
        Phase("players", moved, partial(symmetric_terms, game), varies=alike),
    )
    act = Act("as-vae", phases, common.optimisation, coupled=NORMALISED)
    return Method(players.modules, (act,), Leaves(generator, (encoder,)))


def critics_terms(game: Symmetric, update: int) -> Terms:
    """Both density ratios."""
    players = game.players
    with torch.no_grad():
        inferred, generated = players.inferred(), players.generated()
        x_gen, (x, u) = players.generated()[0], players.inferred()
        loose_gen, loose_real = (x_gen, players.latents()), (x, shuffled(u))
    first = [players.scores(game.inferred_critic, pairs) for pairs in (inferred, loose_gen)]
    second = [players.scores(game.generated_critic, pairs) for pairs in (generated, loose_real)]
    of_first, of_second = telling_apart(*first), telling_apart(*second)
    return {"loss": of_first + of_second, "inferred": of_first, "generated": of_second}


def shuffled(u: Tensor) -> Tensor:
    """Each image's latents for the next one: independent of it."""
    return u.roll(1, 0)


def symmetric_terms(game: Symmetric, update: int) -> Terms:
    """Minus L_x + L_z."""
    players = game.players
    x, u_hat = players.inferred()
    x_gen, u = players.generated()
    of_images = game.likelihood(x, players.generator(u_hat))
    posterior = players.infer(x_gen)
    assert isinstance(posterior, Scored)
    of_latents = torch.stack(list(posterior.log_prob(u).values())).sum(0)
    first = players.scores(game.inferred_critic, (x, u_hat))
    second = players.scores(game.generated_critic, (x_gen, u))
    loss = first + second - game.images * of_images - game.latents * of_latents
    return {"loss": loss, "images": of_images, "latents": of_latents}
