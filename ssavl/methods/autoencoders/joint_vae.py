r"""JointVAE (Dupont 2018): a capacity for the continuous latents, another for the category.

.. math:: -\mathbb E_q [\log p(x \mid u)] + \gamma \, | \overline{KL}_z - C_z(t) |
          + \gamma \, | \overline{KL}_d - C_d(t) |

The divergences are means of the batch. The category's capacity cannot exceed log K, and is capped
there. Both grow linearly. The published code divides the loss by the number of pixels, which
matters to Adam's epsilon alone. Its accuracy on digits varies widely from seed to seed.
"""

from __future__ import annotations

import math
from functools import partial

import torch
from pydantic import Field

from ssavl.engine.schedule import capacity
from ssavl.images.draws import Draws
from ssavl.methods.autoencoder import Autoencoder, autoencoder
from ssavl.methods.method import Common, Method
from ssavl.methods.shared import Terms, negative
from ssavl.objectives.elbo import Bound
from ssavl.params.section import Section
from ssavl.params.shared import Number, RelaxationParams, Weight


class Params(Section):
    """What JointVAE reads of its own."""

    continuous: Weight = Field(5.0, description="nats that the continuous latents get")
    category: Weight = Field(5.0, description="nats that the category gets, capped at log K")
    gamma: Weight = Field(30.0, description="price of a nat above or below a capacity")
    length: Number = Field(2000, description="iterations in which capacities grow from 0")
    relaxation: RelaxationParams = RelaxationParams()


def build(params: Params, common: Common, data: Draws) -> Method:
    """The generator and its encoders, in one phase."""
    parts = autoencoder("joint-vae", common, data)
    return parts.method("joint-vae", partial(joint_terms, parts, params))


def joint_terms(parts: Autoencoder, own: Params, update: int) -> Terms:
    """Minus the likelihood, and what each kind of latents costs."""
    seen = parts.see(own.relaxation)
    kl, space = seen.posterior.kl(), parts.generator.latent_space
    loss = -seen.log_likelihood
    kinds = (
        (space.of_role("noise", "code"), own.continuous),
        (space.of_role("category"), min(own.category, most(parts))),
    )
    for blocks, allowed in kinds:
        if blocks:
            mean = torch.stack([kl[block.name] for block in blocks]).sum(0).mean()
            loss = loss + own.gamma * (mean - capacity(update, 0, allowed, own.length)).abs()
    return {**negative(Bound(seen.log_likelihood, kl), 1.0), "loss": loss}


def most(parts: Autoencoder) -> float:
    """Nats that the categories can hold at all."""
    return sum(math.log(block.dim) for block in parts.generator.latent_space.of_role("category"))
