r"""ClusterGAN (Mukherjee et al. 2019): an encoder that gives both parts of the latents back.

.. math:: L_{GE} = -C(G(z, d)) + \beta_n \, |z - E_z(G)|^2 - \beta_c \log E_d(d \mid G)

against the critic of WGAN-GP. d is a category, one-hot, z all other latents in base space, small at
the generator's input (``noise_gain``), so that clusters stand apart. Errors are those of z as the
generator sees it: its gain is in them. Clusters of real images are the encoder's category (the
published code runs k-means on what the encoder says).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

import torch
from pydantic import Field

from ssavl.engine.act import Act
from ssavl.engine.phase import Phase, alike
from ssavl.images.draws import Draws
from ssavl.methods import networks
from ssavl.methods.gan import Gan, gan, wasserstein_critic_terms
from ssavl.methods.method import Common, Leaves, Method
from ssavl.methods.shared import NORMALISED, Terms, latent_errors
from ssavl.networks.point_encoder import PointEncoder
from ssavl.objectives.wgan_gp import generator_loss
from ssavl.params.section import Section
from ssavl.params.shared import Count, Weight


class Params(Section):
    """What ClusterGAN reads of its own."""

    noise: Weight = Field(10.0, description="weight of the error of the noise")
    category: Weight = Field(10.0, description="weight of -log q of the category")
    noise_gain: Annotated[float, Field(gt=0)] = Field(0.1, description="of the noise, at the input")
    gp_weight: Weight = Field(10.0, description="lambda, of the gradient penalty")
    n_critic: Count = Field(5, description="steps of the critic for one of the generator")


@dataclass(frozen=True)
class Back:
    """The way back from images to latents."""

    encoder: PointEncoder
    own: Params


def build(params: Params, common: Common, data: Draws) -> Method:
    """The critic, then generator and encoder together.

    Raises:
        ValueError: no category.
    """
    if common.latents.categories < 2:
        raise ValueError("its clusters are a category: set latents.categories to 2 or more")
    players = gan(common, data, params.noise_gain)
    trunk = networks.trunk(common.networks.encoder, data.image_shape)
    encoder = PointEncoder(trunk, players.space)
    critic = partial(wasserstein_critic_terms, players, params.gp_weight)
    both = partial(returning_terms, players, Back(encoder, params))
    phases = (
        Phase("critic", ("critic",), critic, params.n_critic, varies=alike),
        Phase("generator", ("generator", "encoder"), both, varies=alike),
    )
    act = Act("clustergan", phases, common.optimisation, coupled=NORMALISED)
    modules = {"generator": players.generator, "critic": players.critic, "encoder": encoder}
    return Method(modules, (act,), Leaves(players.generator, (encoder,)))


def returning_terms(players: Gan, back: Back, update: int) -> Terms:
    """L_GE."""
    drawn = players.latents.new()
    x_gen = players.generator(drawn)
    own, errors = back.own, latent_errors(back.encoder(x_gen), drawn, players.space)
    (category,) = players.space.of_role("category")
    length = errors.pop(category.name)
    error = own.noise_gain**2 * torch.stack(list(errors.values())).sum(0)
    adversarial = generator_loss(players.critic, x_gen)
    loss = adversarial + own.noise * error + own.category * length
    return {"loss": loss, "adversarial": adversarial, "error": error, "length": length}
