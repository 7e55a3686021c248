r"""Wasserstein GAN with gradient penalty (Gulrajani et al. 2017): SS-AVL's wake phase by itself.

.. math:: C(G(u)) - C(x) + \lambda (\lVert \nabla C(\tilde x) \rVert_2 - 1)^2, \qquad
          \tilde x = \epsilon x + (1 - \epsilon) G(u)

for the critic, with one epsilon for each image, and :math:`-C(G(u))` for the generator.
"""

from __future__ import annotations

from functools import partial

from pydantic import Field

from ssavl.engine.act import Act
from ssavl.engine.phase import Phase, alike
from ssavl.images.draws import Draws
from ssavl.methods.gan import gan, wasserstein_critic_terms, wasserstein_generator_terms
from ssavl.methods.method import Common, Leaves, Method
from ssavl.methods.shared import NORMALISED
from ssavl.params.section import Section
from ssavl.params.shared import Count, Weight


class Params(Section):
    """What WGAN-GP reads of its own."""

    gp_weight: Weight = Field(10.0, description="lambda, of the gradient penalty")
    n_critic: Count = Field(5, description="steps of the critic for one of the generator")


def build(params: Params, common: Common, data: Draws) -> Method:
    """The critic and the generator, by turns."""
    players = gan(common, data)
    critic = partial(wasserstein_critic_terms, players, params.gp_weight)
    generator = partial(wasserstein_generator_terms, players)
    phases = (
        Phase("critic", ("critic",), critic, params.n_critic, varies=alike),
        Phase("generator", ("generator",), generator, varies=alike),
    )
    act = Act("wgan-gp", phases, common.optimisation, coupled=NORMALISED)
    modules = {"generator": players.generator, "critic": players.critic}
    return Method(modules, (act,), Leaves(players.generator))
