r"""A variational autoencoder (Kingma & Welling 2014): what real images would have given.

.. math:: \mathbb E_q [\log p(x \mid d, c, z)] - \beta \, KL(q(d, c, z \mid x) \Vert p(d, c, z))

Generator, code encoder and noise encoder learn together from real images, by the joint bound of
SS-AVL-R (Ye & Bors 2024, Eq. 18); what differs is who learns, and from what.
"""

from __future__ import annotations

from functools import partial

from ssavl.engine.phase import alike
from ssavl.images.draws import Draws
from ssavl.methods.autoencoder import Autoencoder, autoencoder
from ssavl.methods.method import Common, Method
from ssavl.methods.shared import Terms, negative
from ssavl.objectives.elbo import Bound
from ssavl.params.section import Section
from ssavl.params.shared import RelaxationParams


class Params(Section):
    """What the VAE reads of its own."""

    relaxation: RelaxationParams = RelaxationParams()


def build(params: Params, common: Common, data: Draws) -> Method:
    """The generator and an encoder for each part of its space, in one phase.

    Raises:
        ValueError: an image size that cannot be made, or a gain for an unknown block.
    """
    parts = autoencoder("vae", common, data)
    terms = partial(evidence_terms, parts, params, common.beta)
    return parts.method("vae", terms, varies=alike)


def evidence_terms(parts: Autoencoder, params: Params, beta: float, update: int) -> Terms:
    """Minus the evidence lower bound."""
    seen = parts.see(params.relaxation)
    return negative(Bound(seen.log_likelihood, seen.posterior.kl()), beta)
