r"""MAE, a VAE with mutual posterior divergence (Ma et al. 2019; no masked autoencoder).

.. math:: -\mathbb E_q [\log p(x \mid u)] + \max(KL, b)
          + \eta \sum_k \mathrm{softplus}(-m_k) + \gamma \, s

:math:`d_{ijk} = KL(q(z_k \mid x_i) \Vert q(z_k \mid x_j))`; :math:`m_k` is its mean over the pairs
of a batch, s the standard deviation over pairs of :math:`\sum_k d_{ijk}`. So posteriors are pushed
apart, and evenly. :math:`\sum_k m_k \ge I_q(x; z)` (Jensen), but nothing bounds it from below. The
paper means it for autoregressive decoders and a flow as prior; here decoder and prior are plain,
where it is as well defined. Pairs of an image with itself are left out (the published code corrects
for them afterwards). eta = gamma = b = 0 is the VAE.
"""

from __future__ import annotations

from functools import partial

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import softplus

from ssavl.engine.phase import alike
from ssavl.images.draws import Draws
from ssavl.latents.continuous import gaussian
from ssavl.methods.autoencoder import Autoencoder, autoencoder
from ssavl.methods.method import Common, Method
from ssavl.methods.shared import Terms, negative
from ssavl.objectives.elbo import Bound
from ssavl.objectives.pairwise import pairwise_kl
from ssavl.params.section import Section
from ssavl.params.shared import RelaxationParams, Weight


class Params(Section):
    """What MAE reads of its own."""

    eta: Weight = Field(1.0, description="of the push apart, for each dimension")
    gamma: Weight = Field(0.1, description="of the unevenness of the pairs")
    free: Weight = Field(0.0, description="nats of the divergence that cost nothing")
    relaxation: RelaxationParams = RelaxationParams()


def build(params: Params, common: Common, data: Draws) -> Method:
    """The generator and its encoders, in one phase."""
    parts = autoencoder("mae", common, data)
    why = "posteriors are compared with all others of a batch"
    return parts.method("mae", partial(divergent_terms, parts, params), why, varies=alike)


def divergent_terms(parts: Autoencoder, own: Params, update: int) -> Terms:
    """Minus the likelihood, the divergence above what is free, and both terms of the pairs."""
    seen = parts.see(own.relaxation)
    kl = seen.posterior.kl()
    total = torch.stack(list(kl.values())).sum(0).clamp_min(own.free)
    means, deviation = apart(pairwise_kl(gaussian(seen.posterior)))
    push = own.eta * softplus(-means).sum() + own.gamma * deviation
    terms = negative(Bound(seen.log_likelihood, kl), 1.0)
    apart_by = means.sum().expand(len(total))
    return {**terms, "loss": total + push - seen.log_likelihood, "apart": apart_by}


def apart(pairs: Tensor) -> tuple[Tensor, Tensor]:
    """Means by dimension ``(D,)`` and the deviation of the sum, a scalar, of divergences
    ``(B, B, D)`` between different images; those of an image from itself are 0.
    """
    count = len(pairs) * (len(pairs) - 1)
    means, sums = pairs.sum((0, 1)) / count, pairs.sum(-1)
    variance = sums.square().sum() / count - (sums.sum() / count).square()
    return means, variance.clamp_min(1e-12).sqrt()  # where all are alike, a root has no slope
