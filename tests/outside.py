r"""A VAE whose code has a price and an allowance (after Burgess et al. 2018).

.. math:: -\mathbb E_q [\log p(x \mid u)] + \beta \, | KL(q(u \mid x) \Vert p(u)) - C(t) |

u are all latents. C grows linearly from 0 to ``capacity`` nats: the code may say nothing at first,
then more and more. The divergence is that of each image, not the mean of a batch.
"""

from __future__ import annotations

from functools import partial

import torch
from pydantic import Field

from ssavl.engine.act import Act
from ssavl.engine.phase import Phase
from ssavl.engine.schedule import capacity
from ssavl.images.draws import Draws
from ssavl.methods import networks
from ssavl.methods.method import Common, Leaves, Method
from ssavl.methods.shared import Terms, bound
from ssavl.models.inference import InferenceModel
from ssavl.networks.generator import ConvGenerator
from ssavl.params.section import Section
from ssavl.params.shared import Count, RelaxationParams, Weight


class Params(Section):
    """What it reads of its own."""

    beta: Weight = Field(10.0, description="price of a nat above or below the allowance")
    capacity: Weight = Field(25.0, description="nats that are free in the end")
    length: Count = Field(10000, description="iterations until they all are")
    relaxation: RelaxationParams = RelaxationParams()


def build(params: Params, common: Common, data: Draws) -> Method:
    """The generator and an encoder for each part of its space, in one phase."""
    generator = networks.generator(common.latents, common.networks, data.image_shape)
    space, shape = generator.latent_space, common.networks.encoder
    encoders = networks.encoders(space, shape, data.image_shape)
    modules = {"generator": generator, **networks.encoder_names(encoders)}
    model = InferenceModel(encoders, "toy")
    terms = partial(priced_terms, model, generator, params, common, data)
    act = Act("toy", (Phase("model", tuple(modules), terms),), common.optimisation)
    return Method(modules, (act,), Leaves(generator, encoders))


def priced_terms(
    model: InferenceModel, g: ConvGenerator, own: Params, common: Common, data: Draws, update: int
) -> Terms:
    """Minus the likelihood, and what the code costs; ``(B,)`` each, in nats."""
    x = data.real(common.batch_size)
    found = bound(model.posterior(x), x, g, common.likelihood, own.relaxation, {})
    kl = torch.stack(list(found.kl.values())).sum(0)
    price = own.beta * (kl - capacity(update, 0, own.capacity, own.length)).abs()
    return {"loss": price - found.log_likelihood, "kl": kl, "price": price}
