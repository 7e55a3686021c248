r"""Wasserstein GAN (Arjovsky et al. 2017): weights are clipped.

The critic minimises :math:`C(G(u)) - C(x)`, the generator :math:`-C(G(u))`. After each step of the
critic its weights are cut to plus or minus ``clip``, so that it stays Lipschitz; scores are then of
no scale. RMSprop, since momentum makes it unstable. The paper's 100 steps of the critic in the
first 25 iterations and in every 500th are left out: more ``n_critic`` does the same.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

from pydantic import Field
from torch import nn

from ssavl.engine.act import Act
from ssavl.engine.optimiser import Optimiser
from ssavl.engine.phase import Phase, alike
from ssavl.images.draws import Draws
from ssavl.methods.gan import gan, wasserstein_critic_terms, wasserstein_generator_terms
from ssavl.methods.method import Common, Leaves, Method
from ssavl.methods.shared import NORMALISED
from ssavl.params.section import Section
from ssavl.params.shared import Count


class Params(Section):
    """What WGAN reads of its own."""

    clip: Annotated[float, Field(gt=0)] = Field(0.01, description="largest weight of the critic")
    n_critic: Count = Field(5, description="steps of the critic for one of the generator")


def build(params: Params, common: Common, data: Draws) -> Method:
    """The critic and the generator, by turns."""
    players = gan(common, data)
    clip = partial(clip_weights, players.critic, params.clip)
    critic = partial(wasserstein_critic_terms, players, 0.0)
    phases = (
        Phase("critic", ("critic",), critic, params.n_critic, after=clip, varies=alike),
        Phase(
            "generator", ("generator",), partial(wasserstein_generator_terms, players), varies=alike
        ),
    )
    own = {name: Optimiser(kind="rmsprop") for name in ("critic", "generator")}
    act = Act("wgan", phases, common.optimisation, optimisers=own, coupled=NORMALISED)
    modules = {"generator": players.generator, "critic": players.critic}
    return Method(modules, (act,), Leaves(players.generator))


def clip_weights(critic: nn.Module, most: float, update: int) -> None:
    """Keep a critic Lipschitz."""
    for parameter in critic.parameters():
        parameter.clamp_(-most, most)
