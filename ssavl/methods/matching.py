r"""The aggregated posterior is led to the prior by critics (Makhzani et al. 2016).

One critic sees the continuous latents in base space, another the category: each tells draws of the
prior from what an encoder infers. The encoder wants to pass for the prior, by an optimiser of its
own: it plays another game as well, and the momentum of one should not move it in the other.

A category of the prior is one-hot and an inferred one is probabilities, so a critic could tell them
by that alone. Noise on both, ``blur``, leaves it only how they are spread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from pydantic import Field
from torch import Tensor, nn

from ssavl.engine.act import Act
from ssavl.engine.optimiser import Optimiser
from ssavl.engine.phase import Phase, alike
from ssavl.images.draws import Draws
from ssavl.latents.continuous import base, size
from ssavl.latents.posterior import Posterior
from ssavl.latents.space import LatentSpace
from ssavl.methods.method import Common, Leaves, Method
from ssavl.methods.shared import NORMALISED, Latents, Terms
from ssavl.networks.perceptron import LatentCritic
from ssavl.objectives.density_ratio import passing_for_a, telling_apart
from ssavl.params.section import Section
from ssavl.params.shared import Size, Weight


class MatchingParams(Section):
    """What a method with this game reads of its own."""

    width: Size = Field(256, description="neurons of a layer of the critics")
    blur: Weight = Field(0.3, description="deviation of noise on categories that a critic sees")
    rate: Weight = Field(1.0, description="the encoder's learning rate against critics, relative")


MATCHING = "matching"  # the encoder's optimiser of this game


@dataclass(frozen=True)
class Matching:
    """An encoder, and the critics of what it infers.

    Attributes:
        infer: images to a posterior over ``space``.
        prior: draws the next latents of the prior.
        real: draws the next images.
        critics: by kind of latents, ``continuous`` and ``category``.
        blur: deviation of normal noise on categories that a critic sees.
        rng: of that noise.
    """

    space: LatentSpace
    infer: Callable[[Tensor], Posterior]
    prior: Callable[[], Tensor]
    real: Callable[[], Tensor]
    critics: Mapping[str, nn.Module]
    blur: float
    rng: torch.Generator

    @property
    def modules(self) -> dict[str, nn.Module]:
        """The critics by the names that phases use."""
        return {f"{kind}_critic": critic for kind, critic in self.critics.items()}

    def parts(self, latents: Tensor) -> dict[str, Tensor]:
        """Latents ``(B, D)`` as critics see them, by kind: noise is on categories."""
        found = {}
        if "continuous" in self.critics:
            found["continuous"] = base(latents, self.space)
        if "category" in self.critics:
            parts = self.space.split(latents)
            own = [parts[block.name] for block in self.space.of_role("category")]
            exact = torch.cat(own, -1)
            noise = torch.randn(exact.shape, generator=self.rng, device=exact.device)
            found["category"] = exact + self.blur * noise
        return found

    def phases(self, encoder: str) -> tuple[Phase, Phase]:
        """The critics' phase and the encoder's, whose module has that name."""
        return (
            Phase("critics", tuple(self.modules), partial(critics_terms, self), varies=alike),
            Phase(
                MATCHING,
                (encoder,),
                partial(matching_terms, self),
                optimiser=MATCHING,
                varies=alike,
            ),
        )


def critics(space: LatentSpace, width: int) -> dict[str, nn.Module]:
    """Untrained critics for the kinds of latents that a space has."""
    found: dict[str, nn.Module] = {}
    if continuous := size(space):
        found["continuous"] = LatentCritic(continuous, width, 2)
    if categories := sum(block.dim for block in space.of_role("category")):
        found["category"] = LatentCritic(categories, width, 2)
    return found


def optimisers(rate: float) -> dict[str, Optimiser]:
    """Of the game, all with betas (.5, .999), at a rate relative to the act's."""
    own = Optimiser(rate, betas=(0.5, 0.999))
    return {MATCHING: own}


def critics_terms(game: Matching, update: int) -> Terms:
    """Each tells the prior from what is inferred."""
    with torch.no_grad():
        inferred = game.parts(game.infer(game.real()).rsample())
        prior = game.parts(game.prior())
    losses = {
        kind: telling_apart(critic(prior[kind]), critic(inferred[kind]))
        for kind, critic in game.critics.items()
    }
    return {"loss": torch.stack(list(losses.values())).sum(0), **losses}


def matching_terms(game: Matching, update: int) -> Terms:
    """What is inferred passes for the prior."""
    inferred = game.parts(game.infer(game.real()).rsample())
    losses = {kind: passing_for_a(critic(inferred[kind])) for kind, critic in game.critics.items()}
    return {"loss": torch.stack(list(losses.values())).sum(0), **losses}


def matched(
    name: str,
    game: Matching,
    rate: float,
    common: Common,
    leaves: Leaves,
    reconstruction: Callable[[int], Terms],
) -> Method:
    """An autoencoder whose latents are matched: it reconstructs, critics judge, it matches.

    Args:
        rate: of the encoder's learning against critics, relative.
        leaves: the generator, and one encoder.
    """
    (encoder,), generator = leaves.encoders, leaves.generator
    assert generator is not None
    phases = (
        Phase("reconstruction", ("generator", "encoder"), reconstruction, varies=alike),
        *game.phases("encoder"),
    )
    own = optimisers(rate)
    act = Act(name, phases, common.optimisation, optimisers=own, coupled=NORMALISED)
    return Method({"generator": generator, "encoder": encoder, **game.modules}, (act,), leaves)


def matching(
    infer: Callable[[Tensor], Posterior],
    space: LatentSpace,
    own: MatchingParams,
    common: Common,
    data: Draws,
) -> Matching:
    """The game of an encoder's latents of real images, with untrained critics."""
    return Matching(
        space,
        infer,
        Latents(space, common.batch_size, common.rng).new,
        lambda: data.real(common.batch_size),
        critics(space, own.width),
        own.blur,
        common.rng,
    )
