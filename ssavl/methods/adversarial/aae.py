r"""Adversarial autoencoder (Makhzani et al. 2016).

Three phases: encoder and generator reconstruct; critics tell the prior's latents from inferred
ones; the encoder passes for the prior (:mod:`ssavl.methods.matching`). The encoder is
deterministic. With a category there are two critics, one of them of one-hot vectors against the
encoder's probabilities: so an image is led to one category without a label. The reconstruction is
minus the study's likelihood.
"""

from __future__ import annotations

from functools import partial

from ssavl.images.draws import Draws
from ssavl.methods import networks
from ssavl.methods.matching import Matching, MatchingParams, matched, matching
from ssavl.methods.method import Common, Leaves, Method
from ssavl.methods.shared import Terms
from ssavl.networks.generator import ConvGenerator
from ssavl.networks.point_encoder import PointEncoder
from ssavl.objectives.likelihood import Likelihood


class Params(MatchingParams):
    """What the adversarial autoencoder reads of its own."""


def build(params: Params, common: Common, data: Draws) -> Method:
    """Reconstruction, critics, matching."""
    generator = networks.generator(common.latents, common.networks, data.image_shape)
    space = generator.latent_space
    encoder = PointEncoder(networks.trunk(common.networks.encoder, data.image_shape), space)
    game = matching(encoder.posterior, space, params, common, data)
    rebuild = partial(reconstruction_terms, game, generator, common.likelihood)
    leaves = Leaves(generator, (encoder,))
    return matched("aae", game, params.rate, common, leaves, rebuild)


def reconstruction_terms(
    game: Matching, generator: ConvGenerator, likelihood: Likelihood, update: int
) -> Terms:
    """Minus the likelihood of real images, given what is inferred of them."""
    x = game.real()
    return {"loss": -likelihood(x, generator(game.infer(x).rsample()))}
