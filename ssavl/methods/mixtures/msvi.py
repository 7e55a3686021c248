r"""MSVI, multi-source variational inference (Kurle et al. 2019).

M sources of one image (its halves or quadrants), each with an encoder of its own. Three bounds:

===========  =====================================================================================
individual   :math:`\frac1M \sum_m \mathbb E_{q_m} \log p(x \mid u) - KL(q_m \Vert p)`
mixture      :math:`\frac1M \sum_m \mathbb E_{q_m} \log \frac{p(x, u)}{\frac1M \sum_l q_l(u)}`
product      :math:`\mathbb E_q \log p(x \mid u) - KL(q \Vert p)`, q the product of all experts
===========  =====================================================================================

:math:`q_m` is an expert's product with the prior (:func:`ssavl.networks.experts.product`). The
mixture's bound is never below the individual one (Jensen). Every encoder explains the whole image.
The product is left, whatever was trained. It is overconfident where sources say the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from ssavl.engine.act import Act
from ssavl.engine.phase import Phase, alike
from ssavl.images.draws import Draws
from ssavl.latents.space import Factorised
from ssavl.methods import networks
from ssavl.methods.method import Common, Leaves, Method
from ssavl.methods.shared import NORMALISED, Terms
from ssavl.models.protocol import Density, Observed
from ssavl.networks.encoder import Encoder
from ssavl.networks.experts import PARTS, Experts, Sources, product
from ssavl.params.section import Section

Objective = Literal["individual", "mixture", "product"]


class Params(Section):
    """What MSVI reads of its own."""

    sources: Sources = Field("quadrants", description="parts of an image, one for each expert")
    objective: Objective = Field("mixture", description="which bound is maximised")


def build(params: Params, common: Common, data: Draws) -> Method:
    """Generator and experts, in one phase."""
    generator = networks.generator(common.latents, common.networks, data.image_shape)
    space, shape = generator.latent_space, common.networks.encoder
    rows, columns = PARTS[params.sources]
    trunks = [networks.trunk(shape, data.image_shape) for _ in range(rows * columns)]
    experts = Experts([Encoder(trunk, space) for trunk in trunks], params.sources)
    density = Observed(generator, common.likelihood)
    terms = partial(bound_terms, experts, density, data, common.batch_size, params.objective)
    phases = (Phase("encoders", ("generator", "encoder"), terms, varies=alike),)
    act = Act("msvi", phases, common.optimisation, coupled=NORMALISED)
    modules = {"generator": generator, "encoder": experts}
    return Method(modules, (act,), Leaves(generator, (experts,)))


def bound_terms(
    experts: Experts, density: Density, data: Draws, n: int, objective: Objective, update: int
) -> Terms:
    """Minus the chosen bound."""
    x = data.real(n)
    told = experts.parameters_of(x)
    if objective == "product":
        posteriors = [experts.space.posterior(product(told, experts.space))]
    else:
        posteriors = [experts.space.posterior(product([own], experts.space)) for own in told]
    found = bound(x, density, posteriors, objective)
    return {"loss": -found}


def bound(
    x: Tensor, density: Density, posteriors: list[Factorised], objective: Objective
) -> Tensor:
    """The mean over posteriors of what one draw of each says, ``(B,)`` in nats."""
    mixed = objective == "mixture"
    values = []
    for own in posteriors:
        u = own.rsample(straight_through=True)
        likelihood = density.log_prob(x, u)
        values.append(likelihood - (_against_all(u, posteriors) if mixed else total(own.kl)))
    return torch.stack(values).mean(0)


def _against_all(u: Tensor, posteriors: list[Factorised]) -> Tensor:
    """log of the mixture over the prior, at latents ``(B, D)``."""
    prior = posteriors[0].space.prior(u.device)
    logs = torch.stack([total(partial(own.log_prob, u)) for own in posteriors])
    mixture = logs.logsumexp(0) - math.log(len(posteriors))
    return mixture - total(partial(prior.log_prob, u))


def total(terms: Callable[[], dict[str, Tensor]]) -> Tensor:
    """The sum over blocks, ``(B,)``."""
    return torch.stack(list(terms().values())).sum(0)
