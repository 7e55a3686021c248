r"""VAE/GAN (Larsen et al. 2016): images are compared as a discriminator sees them.

With f the feature maps of the discriminator's last convolution, :math:`x_r` a reconstruction and
:math:`x_p` an image of the prior:

.. math:: L_{enc} = KL + \tfrac12 |f(x) - f(x_r)|^2, \qquad
          L_{dec} = \tfrac\gamma2 |f(x) - f(x_r)|^2 - \log D(x_r) - \log D(x_p),

.. math:: L_D = -\log D(x) - \tfrac12 \log(1 - D(x_r)) - \tfrac12 \log(1 - D(x_p))

Each moves its own network alone. The decoder's adversarial terms do not saturate. The published
L_D sums three terms; halves keep real and made images in balance.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from pydantic import Field
from torch import Tensor

from ssavl.engine.act import Act
from ssavl.engine.phase import Phase, alike
from ssavl.images.draws import Draws
from ssavl.methods import networks
from ssavl.methods.autoencoder import Autoencoder, autoencoder
from ssavl.methods.method import Common, Method
from ssavl.methods.shared import NORMALISED, Latents, Terms, negative
from ssavl.networks.critic import Critic
from ssavl.objectives.density_ratio import passing_for_a
from ssavl.objectives.elbo import Bound
from ssavl.params.section import Section
from ssavl.params.shared import RelaxationParams, Weight


class Params(Section):
    """What VAE/GAN reads of its own."""

    gamma: Weight = Field(0.1, description="the decoder's weight of the features' distance")
    relaxation: RelaxationParams = RelaxationParams()


@dataclass(frozen=True)
class Players:
    """The autoencoder, the discriminator, and draws of the prior."""

    parts: Autoencoder
    critic: Critic
    latents: Latents
    own: Params

    def distance(self, x: Tensor, x_hat: Tensor) -> Tensor:
        """Half the squared distance of features, ``(B,)``."""
        seen, made = (self.critic.trunk.results(image)[-2] for image in (x, x_hat))
        return 0.5 * (seen - made).square().flatten(1).sum(1)


def build(params: Params, common: Common, data: Draws) -> Method:
    """Encoders, generator, discriminator, by turns."""
    parts = autoencoder("vae-gan", common, data)
    critic = Critic(networks.trunk(common.networks.critic, data.image_shape))
    latents = Latents(parts.generator.latent_space, common.batch_size, common.rng)
    players = Players(parts, critic, latents, params)
    encoders = tuple(networks.encoder_names(parts.encoders))
    phases = (
        Phase("encoders", encoders, partial(encoder_terms, players), varies=alike),
        Phase("generator", ("generator",), partial(generator_terms, players), varies=alike),
        Phase("critic", ("critic",), partial(critic_terms, players), varies=alike),
    )
    act = Act("vae-gan", phases, common.optimisation, coupled=NORMALISED)
    return Method({**parts.modules, "critic": critic}, (act,), parts.leaves)


def encoder_terms(players: Players, update: int) -> Terms:
    """L_enc."""
    seen = players.parts.see(players.own.relaxation)
    distance = players.distance(seen.x, players.parts.generator(seen.latents))
    return negative(Bound(-distance, seen.posterior.kl()), 1.0)


def generator_terms(players: Players, update: int) -> Terms:
    """L_dec."""
    x, x_r, x_p = images(players)
    distance = players.distance(x, x_r)
    fooled = passing_for_a(players.critic(x_r)) + passing_for_a(players.critic(x_p))
    return {"loss": players.own.gamma * distance + fooled, "distance": distance, "fooled": fooled}


def critic_terms(players: Players, update: int) -> Terms:
    """L_D."""
    with torch.no_grad():
        made = images(players)
    of_real, of_r, of_p = players.critic(torch.cat(made)).chunk(3)
    return {"loss": passing_for_a(of_real) + 0.5 * (passing_for_a(-of_r) + passing_for_a(-of_p))}


def images(players: Players) -> tuple[Tensor, Tensor, Tensor]:
    """Real ones, their reconstructions, and images of the prior."""
    parts = players.parts
    with torch.no_grad():
        seen = parts.see(players.own.relaxation)
    return seen.x, parts.generator(seen.latents), parts.generator(players.latents.new())
