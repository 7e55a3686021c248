r"""Games of pairs: images with the latents that are inferred, against latents with their images.

A critic of pairs (x, u) that tells inferred ones from generated ones has the optimum
:math:`\log q(x) q(u \mid x) - \log p(u) p(x \mid u)`. Who infers and who generates want it to fail,
each with the other's pairs: where it does, both joint laws are one (Dumoulin et al. 2017; Donahue
et al. 2017).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import torch
from pydantic import Field
from torch import Tensor, nn

from ssavl.engine.act import Act
from ssavl.engine.phase import Phase, alike
from ssavl.images.draws import Draws
from ssavl.latents.posterior import Posterior
from ssavl.latents.space import LatentSpace
from ssavl.methods import networks
from ssavl.methods.method import Common, Leaves, Method
from ssavl.methods.shared import NORMALISED, Latents, Terms
from ssavl.networks.encoder import EncoderNetwork
from ssavl.networks.generator import ConvGenerator
from ssavl.networks.perceptron import JointCritic
from ssavl.networks.trunk import Trunk
from ssavl.objectives.density_ratio import passing_for_a, telling_apart
from ssavl.params.section import Section
from ssavl.params.shared import Count, Size, Weight

Kind = TypeVar("Kind", bound=EncoderNetwork)
PairCritic = Callable[[Tensor, Tensor], Tensor]  # images and latents to scores ``(B,)``


class PairParams(Section):
    """What every game of pairs reads."""

    width: Size = Field(256, description="neurons of the critic's layers behind the image")
    noise: Weight = Field(0.1, description="deviation of noise on judged images, of [0, 1]")
    repeats: Count = Field(1, description="steps of the players for one of the critic")


@dataclass(frozen=True)
class Pairing:
    """Who infers, who generates and who judges; toy networks of vectors may stand in.

    Attributes:
        infer: images to a posterior of all latents.
        real, latents: draw the next images and the next latents.
        noise: deviation of noise on all images that are judged, pixels in [0, 1]. It smooths both
            joint laws alike, so that they are equal where those without it are.
        modules: those of them that are trained or remembered.
    """

    generator: Callable[[Tensor], Tensor]
    infer: Callable[[Tensor], Posterior]
    critic: PairCritic
    real: Callable[[], Tensor]
    latents: Callable[[], Tensor]
    rng: torch.Generator
    noise: float
    modules: Mapping[str, nn.Module]

    def inferred(self) -> tuple[Tensor, Tensor]:
        """Real images and a draw of their latents. Categories are one-hot, and relaxed on the way
        back: a critic would tell relaxed ones from the prior's at once.
        """
        x = self.real()
        return x, self.infer(x).rsample(straight_through=True)

    def generated(self) -> tuple[Tensor, Tensor]:
        """Images of new latents, and these."""
        u = self.latents()
        return self.generator(u), u

    def scores(self, critic: PairCritic, pairs: tuple[Tensor, Tensor]) -> Tensor:
        """Of pairs whose images get noise, ``(B,)``."""
        x, u = pairs
        if self.noise:
            x = x + self.noise * torch.randn(x.shape, generator=self.rng, device=x.device)
        return critic(x, u)


def pairing(
    common: Common,
    data: Draws,
    width: int,
    noise: float,
    kind: Callable[[Trunk, LatentSpace], Kind],
) -> tuple[Pairing, ConvGenerator, Kind]:
    """Untrained networks for images.

    Args:
        width: of the critic's layers behind the image.
        kind: makes an encoder, of a trunk; one infers all latents.

    Raises:
        ValueError: an image size that cannot be made, or a gain for an unknown block.
    """
    generator = networks.generator(common.latents, common.networks, data.image_shape)
    space = generator.latent_space
    encoder = kind(networks.trunk(common.networks.encoder, data.image_shape), space)
    critic = joint_critic(common, data, space.dim, width)
    players = Pairing(
        generator,
        encoder.posterior,
        critic,
        lambda: data.real(common.batch_size),
        Latents(space, common.batch_size, common.rng).new,
        common.rng,
        noise,
        {"generator": generator, "encoder": encoder, "critic": critic},
    )
    return players, generator, encoder


def game(
    name: str,
    params: PairParams,
    common: Common,
    data: Draws,
    kind: Callable[[Trunk, LatentSpace], EncoderNetwork],
) -> Method:
    """The critic, then both players.

    Raises:
        ValueError: as :func:`pairing`.
    """
    players, generator, encoder = pairing(common, data, params.width, params.noise, kind)
    moved = ("generator", "encoder")
    phases = (
        Phase("critic", ("critic",), partial(critic_terms, players), varies=alike),
        Phase("players", moved, partial(players_terms, players), params.repeats, varies=alike),
    )
    act = Act(name, phases, common.optimisation, coupled=NORMALISED)
    return Method(players.modules, (act,), Leaves(generator, (encoder,)))


def joint_critic(common: Common, data: Draws, dim: int, width: int) -> JointCritic:
    """An untrained critic of images with ``dim`` latents."""
    return JointCritic(networks.trunk(common.networks.critic, data.image_shape), dim, width)


def critic_terms(players: Pairing, update: int) -> Terms:
    """The critic's loss in nats, ``(B,)``; for it both kinds of pairs are given."""
    with torch.no_grad():
        pairs = players.inferred(), players.generated()
    of_inferred, of_generated = (players.scores(players.critic, own) for own in pairs)
    return {"loss": telling_apart(of_inferred, of_generated)}


def players_terms(players: Pairing, update: int) -> Terms:
    """The loss of who infers and who generates, both terms with the labels exchanged."""
    inferring = passing_for_a(-players.scores(players.critic, players.inferred()))
    generating = passing_for_a(players.scores(players.critic, players.generated()))
    loss = inferring + generating
    return {"loss": loss, "inferring": inferring, "generating": generating}
