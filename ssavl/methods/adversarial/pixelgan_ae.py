r"""PixelGAN autoencoder (Makhzani & Frey 2017): an adversarial autoencoder that draws by PixelCNN.

.. math:: L = -\mathbb E_x \log p(x \mid d(x)), \qquad q(d) \to p(d) \text{ by critics}

p(x | d) is autoregressive (:mod:`ssavl.networks.pixelcnn`). That is the evidence bound without its
term I(x; d): what the pixels cannot tell one another is left for the code. With a category as the
code, pixels carry style and the category what the image is of. ``infers: all`` gives the code the
study's other latents too; then it also says where things are.

PixelCNN makes black or white images, so it learns real ones drawn anew at every update: a pixel is
white with its grey level as probability. Noise on the images that the encoder sees, uniform, keeps
it from telling single pixels (the paper's).
"""

from __future__ import annotations

from functools import partial
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from ssavl.images.draws import Draws
from ssavl.latents.posterior import Posterior
from ssavl.methods import networks
from ssavl.methods.matching import Matching, MatchingParams, matched, matching
from ssavl.methods.method import Common, Leaves, Method
from ssavl.methods.shared import Terms
from ssavl.networks.pixelcnn import PixelCnn
from ssavl.networks.point_encoder import PointEncoder
from ssavl.params.shared import Number, Weight, Width


class Params(MatchingParams):
    """What the PixelGAN autoencoder reads of its own."""

    infers: Literal["category", "all"] = Field(
        "category", description="what its code is: the category alone, or all latents of the study"
    )
    maps: Width = Field(32, description="channels of the PixelCNN")
    depth: Number = Field(2, le=64, description="residual layers of the PixelCNN")
    noise: Weight = Field(0.3, description="width of the uniform noise on images to be encoded")
    blur: Weight = Field(1.0, description="deviation of noise on categories that a critic sees")


def build(params: Params, common: Common, data: Draws) -> Method:
    """Likelihood, critics, matching.

    Raises:
        ValueError: its code is to be a category and there is none.
    """
    space = networks.latent_space(common.latents)
    if params.infers == "category":
        if common.latents.categories < 2:
            raise ValueError("its code is a category: set latents.categories, or infers to all")
        space = space.subspace("category")
    generator = PixelCnn(space, data.image_shape, params.maps, params.depth)
    encoder = PointEncoder(networks.trunk(common.networks.encoder, data.image_shape), space)
    infer = partial(blurred, encoder, params.noise, common.rng)
    game = matching(infer, space, params, common, data)
    told = partial(likelihood_terms, game, generator, common.rng)
    leaves = Leaves(generator, (encoder,))
    return matched("pixelgan-ae", game, params.rate, common, leaves, told)


def blurred(encoder: PointEncoder, noise: float, rng: torch.Generator, x: Tensor) -> Posterior:
    """What the encoder infers of images ``(B, C, H, W)`` with noise of that width on them."""
    return encoder.posterior(
        x + noise * (torch.rand(x.shape, generator=rng, device=x.device) - 0.5)
    )


def likelihood_terms(
    game: Matching, generator: PixelCnn, rng: torch.Generator, update: int
) -> Terms:
    """-log p(x | d(x)) of real images, drawn black or white."""
    x = game.real()
    code = game.infer(x).rsample()
    white = torch.rand(x.shape, generator=rng, device=x.device) < x
    return {"loss": -generator.log_prob(white.to(x), code)}
