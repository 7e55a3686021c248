r"""beta-TCVAE (Chen et al. 2018): the price is on the total correlation alone.

.. math:: -\mathbb E_q [\log p(x \mid u)] + \alpha \, I_q(x; z) + \beta \, TC(z)
          + \gamma \sum_j KL(q(z_j) \Vert p(z_j)) + KL(q(d \mid x) \Vert p(d))

z are the continuous latents in base space, d a category where there is one, whose divergence keeps
its weight of 1. :mod:`ssavl.objectives.total_correlation` has the estimators; with
alpha = beta = gamma = 1 the three add up to one draw of the VAE's divergence.
"""

from __future__ import annotations

from functools import partial

import torch
from pydantic import Field

from ssavl.images.draws import Draws
from ssavl.latents.continuous import base, gaussian
from ssavl.methods.autoencoder import Autoencoder, autoencoder
from ssavl.methods.method import Common, Method
from ssavl.methods.shared import Terms
from ssavl.objectives.total_correlation import Estimator, divergence_parts
from ssavl.params.section import Section
from ssavl.params.shared import RelaxationParams, Weight


class Params(Section):
    """What beta-TCVAE reads of its own."""

    alpha: Weight = Field(1.0, description="price of a nat of information")
    beta: Weight = Field(6.0, description="price of a nat of total correlation")
    gamma: Weight = Field(1.0, description="price of a nat of the dimensions' divergence")
    estimator: Estimator = Field("stratified", description="of the aggregated posterior")
    relaxation: RelaxationParams = RelaxationParams()


def build(params: Params, common: Common, data: Draws) -> Method:
    """The generator and its encoders, in one phase."""
    parts = autoencoder("beta-tcvae", common, data)
    why = "a batch estimates the aggregated posterior"
    return parts.method("beta-tcvae", partial(priced_terms, parts, params), why)


def priced_terms(parts: Autoencoder, own: Params, update: int) -> Terms:
    """Minus the likelihood, and the three prices."""
    seen = parts.see(own.relaxation)
    space = parts.generator.latent_space
    z = base(seen.latents, space)
    found = divergence_parts(gaussian(seen.posterior), z, parts.data.count, own.estimator)
    kl = seen.posterior.kl()
    category = torch.zeros_like(seen.log_likelihood)
    for block in space.of_role("category"):
        category = category + kl[block.name]
    price = own.alpha * found.information + own.beta * found.total_correlation
    price = price + own.gamma * found.by_dimension
    return {
        "loss": price + category - seen.log_likelihood,
        "log_likelihood": seen.log_likelihood,
        "information": found.information,
        "total_correlation": found.total_correlation,
        "by_dimension": found.by_dimension,
        "kl_category": category,
    }
