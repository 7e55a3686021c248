r"""Wasserstein-Wasserstein autoencoder (Zhang et al. 2019).

.. math:: \mathbb E\, |x - G(z)|^2 + \lambda \, W_2^2(\mathcal N(m, S), \mathcal N(0, I))
          + KL(q(d \mid x) \Vert p(d))

m and S are the moments of the aggregated posterior of a batch (:mod:`ssavl.objectives.moments`), z
the continuous latents in base space, d a category where there is one. Two moments are all that is
matched: q(z) may be any law of mean 0 and covariance I. A batch has to be larger than twice the
dimensions for a full covariance; ``diagonal`` does without. The reconstruction is minus the
likelihood of the study, by default the squared error.
"""

from __future__ import annotations

from functools import partial

from pydantic import Field

from ssavl.engine.phase import alike
from ssavl.images.draws import Draws
from ssavl.latents.continuous import gaussian
from ssavl.methods.autoencoder import Autoencoder, autoencoder
from ssavl.methods.method import Common, Method
from ssavl.methods.shared import Terms, negative
from ssavl.objectives.elbo import Bound
from ssavl.objectives.moments import aggregated, wasserstein, wasserstein_diagonal
from ssavl.params.section import Section
from ssavl.params.shared import RelaxationParams, Weight


class Params(Section):
    """What it reads of its own."""

    weight: Weight = Field(10.0, description="lambda, of the distance of the latents")
    diagonal: bool = Field(False, description="leave correlations of latents out")
    relaxation: RelaxationParams = RelaxationParams()


def build(params: Params, common: Common, data: Draws) -> Method:
    """The generator and its encoders, in one phase."""
    parts = autoencoder("wwae", common, data)
    why = "moments are of a whole batch"
    return parts.method("wwae", partial(transport_terms, parts, params), why, varies=alike)


def transport_terms(parts: Autoencoder, own: Params, update: int) -> Terms:
    """Minus the likelihood, and the weighted distance."""
    seen = parts.see(own.relaxation)
    moments = aggregated(gaussian(seen.posterior))
    distance = wasserstein_diagonal(*moments) if own.diagonal else wasserstein(*moments)
    kl = seen.posterior.kl()
    loss = own.weight * distance - seen.log_likelihood
    for block in parts.generator.latent_space.of_role("category"):
        loss = loss + kl[block.name]
    terms = negative(Bound(seen.log_likelihood, kl), 1.0)
    return {**terms, "loss": loss, "distance": distance.expand(len(loss))}
