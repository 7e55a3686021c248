r"""beta-VAE (Higgins et al. 2017), and its annealed capacity (Burgess et al. 2018).

.. math:: -\mathbb E_q [\log p(x \mid u)] + \beta \, KL(q(u \mid x) \Vert p(u))

or, with a capacity, :math:`\gamma \, | \overline{KL} - C(t) |` in place of the second term: the
divergence of the batch's mean may first be nothing, and at last C nats. u are all latents. With
beta = 1 it is the VAE. The paper's text divides beta by the number of pixels over that of latents,
its code does not, and neither do we. gamma is 1000 in the paper, for Bernoulli pixels; 30 does for
squared errors.
"""

from __future__ import annotations

from functools import partial

import torch
from pydantic import Field

from ssavl.engine.phase import alike
from ssavl.engine.schedule import capacity
from ssavl.images.draws import Draws
from ssavl.methods.autoencoder import Autoencoder, autoencoder
from ssavl.methods.method import Common, Method
from ssavl.methods.shared import Terms, negative
from ssavl.objectives.elbo import Bound
from ssavl.params.section import Section
from ssavl.params.shared import Number, RelaxationParams, Weight


class Params(Section):
    """What beta-VAE reads of its own."""

    beta: Weight = Field(4.0, description="price of a nat of the divergence, without a capacity")
    capacity: Weight = Field(0.0, description="nats that the divergence is led to; 0 for none")
    gamma: Weight = Field(30.0, description="price of a nat above or below the capacity")
    length: Number = Field(2000, description="iterations in which the capacity grows from 0")
    relaxation: RelaxationParams = RelaxationParams()


def build(params: Params, common: Common, data: Draws) -> Method:
    """The generator and its encoders, in one phase."""
    parts = autoencoder("beta-vae", common, data)
    varies = None if params.capacity else alike  # a capacity grows
    return parts.method("beta-vae", partial(beta_terms, parts, params), varies=varies)


def beta_terms(parts: Autoencoder, own: Params, update: int) -> Terms:
    """Minus the likelihood, and the priced divergence."""
    seen = parts.see(own.relaxation)
    found = Bound(seen.log_likelihood, seen.posterior.kl())
    if not own.capacity:
        return negative(found, own.beta)
    kl = torch.stack(list(found.kl.values())).sum(0)
    allowed = capacity(update, 0, own.capacity, own.length)
    price = own.gamma * (kl.mean() - allowed).abs()
    return {**negative(found, 1.0), "kl": kl, "loss": price - found.log_likelihood}
