r"""AS-VAE, the adversarial symmetric VAE (Pu et al. 2017): images and latents bound both ways.

The paper maximises :math:`L_x + L_z`, each a mean log-likelihood less a divergence of joint laws:

.. math:: L_x = \mathbb E_{q(x)} \log p_\theta(x)
                - KL(q(x) q_\phi(u \mid x) \Vert p(u) p_\theta(x \mid u))

and :math:`L_z` with the parts exchanged. Two critics of pairs take the place of the marginals that
nobody can compute. :math:`f_1` tells inferred pairs from independent ones, a generated image with
latents of the prior: :math:`f_1^* = \log q_\phi(x, u) - \log p_\theta(x) p(u)`. :math:`f_2` tells
generated pairs from a real image with latents of another one:
:math:`f_2^* = \log p_\theta(x, u) - \log q(x) q_\phi(u)`. Then

.. math:: L_x + L_z = \mathbb E_{q(x) q_\phi} [\log p_\theta(x \mid u) - f_1(x, u)]
          + \mathbb E_{p(u) p_\theta} [\log q_\phi(u \mid x) - f_2(x, u)]

Critics are held still while the players move, so the gradient of the marginals in them is lost:
what is left is exactly that of :math:`-KL(q \Vert p) - KL(p \Vert q)` of both joint laws, whose
optimum is the same (``tests/test_pairs.py``).

It needs both conditionals as densities. :math:`q_\phi` is the encoder's posterior, its log-variance
bounded; :math:`p_\theta(x \mid u) = N(G(u), s^2 I)` with ``noise`` for s, and every image that is
judged or read is a draw of it: real images get the same noise, else it would tell them apart.
``images`` and ``latents`` weigh both reconstructions (1 is the mathematics; others, the paper's
variant "-r").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated

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
    noise: Annotated[float, Field(gt=0)] = Field(
        0.1, description="deviation of a pixel about the generator's image, of [0, 1]"
    )
    images: Weight = Field(1.0, description="weight of log p(x | u)")
    latents: Weight = Field(1.0, description="weight of log q(u | x)")


@dataclass(frozen=True)
class Symmetric:
    """Both critics, and both conditionals.

    Attributes:
        players: whose generator draws images: its mean is ``mean``; the critic is f_1.
        second: f_2.
        mean: latents to the mean of p(x | u), which ``likelihood`` is about.
        images, latents: weights of both reconstructions.
    """

    players: Pairing
    second: PairCritic
    mean: Callable[[Tensor], Tensor]
    likelihood: Likelihood
    images: float = 1.0
    latents: float = 1.0


def build(params: Params, common: Common, data: Draws) -> Method:
    """Both critics, then both players.

    Raises:
        ValueError: a batch of one, in which nothing is independent; as ``pairing``.
    """
    if common.batch_size < 2:
        raise ValueError("batch_size = 1: independent pairs need two images of a batch")
    clear, generator, encoder = pairing(common, data, params.width, 0.0, Encoder)
    second = joint_critic(common, data, generator.latent_space.dim, params.width)
    likelihood = Likelihood("gaussian", params.noise)
    players = replace(
        clear,
        real=lambda: likelihood.sample(clear.real(), common.rng),
        generator=lambda u: likelihood.sample(generator(u), common.rng),
        modules={**clear.modules, "second_critic": second},
    )
    game = Symmetric(players, second, generator, likelihood, params.images, params.latents)
    critics, moved = ("critic", "second_critic"), ("generator", "encoder")
    phases = (
        Phase("critics", critics, partial(critics_terms, game), varies=alike),
        Phase("players", moved, partial(symmetric_terms, game), varies=alike),
    )
    act = Act("as-vae", phases, common.optimisation, coupled=NORMALISED)
    return Method(players.modules, (act,), Leaves(generator, (encoder,)))


def critics_terms(game: Symmetric, update: int) -> Terms:
    """Both density ratios. Loose pairs have the latents of another image of the batch."""
    players = game.players
    with torch.no_grad():
        inferred, generated = players.inferred(), players.generated()
    first = telling_apart(players.critic(*inferred), players.critic(*loose(generated)))
    second = telling_apart(game.second(*generated), game.second(*loose(inferred)))
    return {"loss": first + second, "inferred": first, "generated": second}


def loose(pairs: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Each image with the latents of the next: independent, and of the same marginals."""
    x, u = pairs
    return x, u.roll(1, 0)


def symmetric_terms(game: Symmetric, update: int) -> Terms:
    """Minus L_x + L_z."""
    players = game.players
    x, u_hat = players.inferred()
    x_gen, u = players.generated()
    of_images = game.likelihood(x, game.mean(u_hat))
    posterior = players.infer(x_gen)
    assert isinstance(posterior, Scored)
    of_latents = torch.stack(list(posterior.log_prob(u).values())).sum(0)
    ratios = players.critic(x, u_hat) + game.second(x_gen, u)
    loss = ratios - game.images * of_images - game.latents * of_latents
    return {"loss": loss, "images": of_images, "latents": of_latents}
