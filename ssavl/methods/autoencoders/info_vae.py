r"""InfoVAE (Zhao et al. 2019): the aggregated posterior is led to the prior by MMD.

.. math:: -\mathbb E_q [\log p(x \mid u)] + (1 - \alpha) KL(q(z \mid x) \Vert p(z))
          + (\alpha + \lambda - 1) MMD^2(q(z), p(z)) + KL(q(d \mid x) \Vert p(d))

z are the continuous latents in base space, d a category where there is one. alpha = 1 is MMD-VAE (a
Wasserstein autoencoder with a stochastic encoder), the usual choice; alpha = 0, lambda = 1 the VAE.
The likelihood is summed over pixels: published weights of 1000 are often for its mean.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import torch
from pydantic import Field, model_validator

from ssavl.engine.phase import alike
from ssavl.images.draws import Draws
from ssavl.latents.continuous import base, size
from ssavl.methods.autoencoder import Autoencoder, autoencoder
from ssavl.methods.method import Common, Method
from ssavl.methods.shared import Terms, negative
from ssavl.objectives.elbo import Bound
from ssavl.objectives.kernels import Kernel, mmd
from ssavl.params.section import Section
from ssavl.params.shared import RelaxationParams, Weight


class Params(Section):
    """What InfoVAE reads of its own."""

    alpha: Annotated[float, Field(le=1)] = Field(
        1.0, description="1 drops the divergence of single images, 0 keeps the VAE's"
    )
    weight: Weight = Field(1000.0, description="lambda, of the MMD")
    kernel: Kernel = Field("inverse-multiquadric", description="of the MMD")
    relaxation: RelaxationParams = RelaxationParams()

    @model_validator(mode="after")
    def _divergence(self) -> Params:
        total = self.alpha + self.weight
        if total < 1:
            raise ValueError(f"alpha + weight = {total:g}: below 1 the MMD would be sought")
        return self


def build(params: Params, common: Common, data: Draws) -> Method:
    """The generator and its encoders, in one phase."""
    parts = autoencoder("info-vae", common, data)
    why = "the MMD is of a whole batch"
    return parts.method("info-vae", partial(info_terms, parts, params), why, varies=alike)


def info_terms(parts: Autoencoder, own: Params, update: int) -> Terms:
    """Minus the likelihood, and both divergences."""
    seen = parts.see(own.relaxation)
    space, kl = parts.generator.latent_space, seen.posterior.kl()
    z, rng = base(seen.latents, space), parts.data.rng
    prior = torch.randn(len(z), size(space), generator=rng, device=rng.device)
    distance = mmd(z, prior, own.kernel)
    loss = (own.alpha + own.weight - 1) * distance - seen.log_likelihood
    for block in space.blocks:
        loss = loss + (1.0 if block.role == "category" else 1 - own.alpha) * kl[block.name]
    terms = negative(Bound(seen.log_likelihood, kl), 1.0)
    return {**terms, "loss": loss, "mmd": distance.expand(len(loss))}
