r"""InfoGAN (Chen et al. 2016): codes that can be read from the images.

The discriminator minimises :math:`-\log D(x) - \log(1 - D(G(u)))`, the generator
:math:`-\log D(G(u))`, and both the generator and a reader Q minimise
:math:`-\lambda \, \mathbb E \log Q(c \mid G(z, c))`, which bounds the information that the codes
keep: :math:`I \ge H(c) + \mathbb E \log Q`. Q shares the discriminator's trunk, by default, and
learns the deviation of continuous codes. It is left as an encoder of code and category.

The reading has a step of its own, as in SS-AVL's Algorithm 1: the trunk then learns to judge and to
read, and not to please the generator.
"""

from __future__ import annotations

from functools import partial

from pydantic import Field

from ssavl.engine.act import Act
from ssavl.engine.optimiser import Optimiser
from ssavl.engine.phase import Phase, alike
from ssavl.images.draws import Draws
from ssavl.methods import networks
from ssavl.methods.gan import gan, logistic_critic_terms, logistic_generator_terms
from ssavl.methods.method import Common, Leaves, Method
from ssavl.methods.reading import Reader, reading_terms
from ssavl.methods.shared import NORMALISED
from ssavl.networks.encoder import Encoder
from ssavl.params.section import Section
from ssavl.params.shared import Weight


class Params(Section):
    """What InfoGAN reads of its own."""

    category: Weight = Field(1.0, description="weight of the information about the category")
    code: Weight = Field(0.1, description="weight of the information about codes")
    shared_trunk: bool = Field(True, description="the reader is a head on the discriminator")


def build(params: Params, common: Common, data: Draws) -> Method:
    """Discriminator, generator, and reading.

    Raises:
        ValueError: neither code nor category.
    """
    players = gan(common, data)
    if not players.space.of_role("code", "category"):
        raise ValueError("it needs a code or a category: set latents.code or latents.categories")
    trunk = players.critic.trunk
    if not params.shared_trunk:
        trunk = networks.trunk(common.networks.encoder, data.image_shape)
    encoder = Encoder(trunk, players.space.subspace("code", "category"))
    read = partial(reading_terms, players, Reader(encoder, params.category, params.code))
    generator = partial(logistic_generator_terms, players)
    phases = (
        Phase("critic", ("critic",), partial(logistic_critic_terms, players), varies=alike),
        Phase("generator", ("generator",), generator, varies=alike),
        Phase("information", ("generator", "encoder"), read, varies=alike),
    )
    slower = {"critic": Optimiser(rate=0.2)}  # 2e-4 beside 1e-3 in the paper
    act = Act("infogan", phases, common.optimisation, optimisers=slower, coupled=NORMALISED)
    modules = {"generator": players.generator, "critic": players.critic, "encoder": encoder}
    return Method(modules, (act,), Leaves(players.generator, (encoder,)))
