"""What GANs share: a generator, its judge, and the two games that they play."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ssavl.images.draws import Draws
from ssavl.latents.space import LatentSpace
from ssavl.methods import networks
from ssavl.methods.method import Common
from ssavl.methods.shared import Latents, Terms
from ssavl.networks.critic import Critic
from ssavl.networks.generator import ConvGenerator
from ssavl.objectives.density_ratio import passing_for_a, telling_apart
from ssavl.objectives.wgan_gp import Score, critic_loss, generator_loss, gradient_penalty


@dataclass(frozen=True)
class Gan:
    """A generator and a critic, and what they are trained with."""

    generator: ConvGenerator
    critic: Critic
    common: Common
    data: Draws
    latents: Latents

    @property
    def space(self) -> LatentSpace:
        """Of the generator."""
        return self.generator.latent_space

    def real(self) -> Tensor:
        """The next real images ``(B, C, H, W)``."""
        return self.data.real(self.latents.n)

    @torch.no_grad()
    def made(self) -> Tensor:
        """Images ``(B, C, H, W)`` of new latents, for the critic alone."""
        return self.generator(self.latents.new())


def gan(common: Common, data: Draws, noise_gain: float | None = None) -> Gan:
    """Untrained.

    Args:
        noise_gain: of the noise at the generator's input, unless the study says another.

    Raises:
        ValueError: an image size that cannot be made, or a gain for an unknown block.
    """
    shapes = common.networks
    if noise_gain is not None:
        gains = {"noise": noise_gain, **shapes.generator.block_gain}
        own = shapes.generator.model_copy(update={"block_gain": gains})
        shapes = shapes.model_copy(update={"generator": own})
        common = replace(common, networks=shapes)
    generator = networks.generator(common.latents, shapes, data.image_shape)
    critic = Critic(networks.trunk(shapes.critic, data.image_shape))
    latents = Latents(generator.latent_space, common.batch_size, common.rng)
    return Gan(generator, critic, common, data, latents)


def wasserstein_terms(
    critic: Score, x: Tensor, x_gen: Tensor, penalty: float, rng: torch.Generator
) -> Terms:
    """The critic's loss: minus the estimated distance, and a penalty at its weight (Eqs. 22, 5 of
    Ye & Bors 2024).
    """
    distance = -critic_loss(critic, x, x_gen)
    loss = -distance
    if penalty:
        loss = loss + penalty * gradient_penalty(critic, x, x_gen, rng)
    return {"loss": loss, "wasserstein": distance}


def wasserstein_critic_terms(players: Gan, penalty: float, update: int) -> Terms:
    """The same of the next images."""
    x, x_gen = players.real(), players.made()
    return wasserstein_terms(players.critic, x, x_gen, penalty, players.common.rng)


def wasserstein_generator_terms(players: Gan, update: int) -> Terms:
    """The generator's loss, minus the score of new images."""
    x_gen = players.generator(players.latents.new())
    return {"loss": generator_loss(players.critic, x_gen)}


def logistic_critic_terms(players: Gan, update: int) -> Terms:
    """The discriminator's loss of Goodfellow et al. 2014, in nats."""
    x, x_gen = players.real(), players.made()
    of_real, of_gen = players.critic(torch.cat([x, x_gen])).chunk(2)
    return {"loss": telling_apart(of_real, of_gen)}


def logistic_generator_terms(players: Gan, update: int) -> Terms:
    """The generator's loss, which does not saturate."""
    x_gen = players.generator(players.latents.new())
    return {"loss": passing_for_a(players.critic(x_gen))}
