r"""A variational autoencoder (Kingma & Welling 2014): what real images would have given.

.. math:: \mathbb E_q [\log p(x \mid d, c, z)] - \beta \, KL(q(d, c, z \mid x) \Vert p(d, c, z))

Generator, code encoder and noise encoder learn together from real images, by the joint bound of
SS-AVL-R (Ye & Bors 2024, Eq. 18); what differs is who learns, and from what.
"""

from __future__ import annotations

from functools import partial

from ssavl.engine.act import Act
from ssavl.engine.phase import Phase
from ssavl.images.draws import Draws
from ssavl.methods import networks
from ssavl.methods.method import Common, Leaves, Method
from ssavl.methods.shared import NORMALISED, Terms, bound, negative
from ssavl.models.inference import InferenceModel
from ssavl.networks.generator import ConvGenerator
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
    generator = networks.generator(common.latents, common.networks, data.image_shape)
    space, shape = generator.latent_space, common.networks.encoder
    encoders = networks.encoders(space, shape, data.image_shape)
    model = InferenceModel(encoders, "vae")
    terms = partial(evidence_terms, model, generator, params, common, data)
    modules = {"generator": generator, **networks.encoder_names(encoders)}
    phases = (Phase("encoders", tuple(modules), terms),)
    act = Act("vae", phases, common.optimisation, coupled=NORMALISED)
    return Method(modules, (act,), Leaves(generator, encoders))


def evidence_terms(
    model: InferenceModel,
    generator: ConvGenerator,
    params: Params,
    common: Common,
    data: Draws,
    update: int,
) -> Terms:
    """Minus the evidence lower bound."""
    x = data.real(common.batch_size)
    posterior = model.posterior(x)
    found = bound(posterior, x, generator, common.likelihood, params.relaxation, {})
    return negative(found, common.beta)
