r"""Adversarial autoencoder (Makhzani et al. 2016).

Three phases: encoder and generator reconstruct; critics tell the prior's latents from inferred
ones; the encoder passes for the prior (:mod:`ssavl.methods.matching`). The encoder is
deterministic. With a category there are two critics, one of them of one-hot vectors against the
encoder's probabilities: so an image is led to one category without a label. The reconstruction is
minus the study's likelihood.
"""

from __future__ import annotations

from functools import partial

from pydantic import Field

from ssavl.engine.act import Act
from ssavl.engine.phase import Phase, alike
from ssavl.images.draws import Draws
from ssavl.methods import networks
from ssavl.methods.matching import Matching, critics, optimisers
from ssavl.methods.method import Common, Leaves, Method
from ssavl.methods.shared import NORMALISED, Latents, Terms
from ssavl.networks.generator import ConvGenerator
from ssavl.networks.point_encoder import PointEncoder
from ssavl.objectives.likelihood import Likelihood
from ssavl.params.section import Section
from ssavl.params.shared import Size, Weight


class Params(Section):
    """What the adversarial autoencoder reads of its own."""

    width: Size = Field(256, description="neurons of a layer of the critics")
    blur: Weight = Field(0.3, description="deviation of noise on categories that a critic sees")
    rate: Weight = Field(1.0, description="the encoder's learning rate against critics, relative")


def build(params: Params, common: Common, data: Draws) -> Method:
    """Reconstruction, critics, matching."""
    generator = networks.generator(common.latents, common.networks, data.image_shape)
    space = generator.latent_space
    encoder = PointEncoder(networks.trunk(common.networks.encoder, data.image_shape), space)
    game = Matching(
        space,
        encoder.posterior,
        Latents(space, common.batch_size, common.rng).new,
        lambda: data.real(common.batch_size),
        critics(space, params.width),
        params.blur,
        common.rng,
    )
    rebuild = partial(reconstruction_terms, game, generator, common.likelihood)
    phases = (
        Phase("reconstruction", ("generator", "encoder"), rebuild, varies=alike),
        *game.phases("encoder"),
    )
    own = optimisers(params.rate)
    act = Act("aae", phases, common.optimisation, optimisers=own, coupled=NORMALISED)
    modules = {"generator": generator, "encoder": encoder, **game.modules}
    return Method(modules, (act,), Leaves(generator, (encoder,)))


def reconstruction_terms(
    game: Matching, generator: ConvGenerator, likelihood: Likelihood, update: int
) -> Terms:
    """Minus the likelihood of real images, given what is inferred of them."""
    x = game.real()
    return {"loss": -likelihood(x, generator(game.infer(x).rsample()))}
