r"""FactorVAE (Kim & Mnih 2018): the total correlation by a density ratio.

.. math:: -\mathbb E_q [\log p(x \mid u)] + KL(q(u \mid x) \Vert p(u))
          + \gamma \, \mathbb E_{q(z)} [D(z)]

A discriminator D tells draws z of the aggregated posterior from draws of the product of its
marginals (another batch, each dimension permuted); its optimum is the log-ratio of the two, whose
mean is the total correlation. z are the continuous latents in base space. One score takes the place
of the paper's two logits, of which only the difference matters. gamma is 6.4 to 40 in the paper,
for Bernoulli pixels.
"""

from __future__ import annotations

from functools import partial

import torch
from pydantic import Field
from torch import Tensor

from ssavl.engine.act import Act
from ssavl.engine.optimiser import Optimiser
from ssavl.engine.phase import Phase, alike
from ssavl.images.draws import Draws
from ssavl.latents.continuous import base, size
from ssavl.methods.autoencoder import Autoencoder, autoencoder
from ssavl.methods.method import Common, Method
from ssavl.methods.shared import NORMALISED, Terms, negative
from ssavl.networks.perceptron import LatentCritic
from ssavl.objectives.density_ratio import telling_apart
from ssavl.objectives.elbo import Bound
from ssavl.objectives.total_correlation import permuted
from ssavl.params.section import Section
from ssavl.params.shared import RelaxationParams, Size, Weight


class Params(Section):
    """What FactorVAE reads of its own."""

    gamma: Weight = Field(6.4, description="price of a nat of total correlation")
    width: Size = Field(256, description="neurons of a layer of the discriminator")
    depth: Size = Field(4, description="hidden layers of the discriminator")
    relaxation: RelaxationParams = RelaxationParams()


def build(params: Params, common: Common, data: Draws) -> Method:
    """The autoencoder's phase, then the discriminator's."""
    parts = autoencoder("factor-vae", common, data)
    critic = LatentCritic(size(parts.generator.latent_space), params.width, params.depth)
    phases = (
        Phase("vae", tuple(parts.modules), partial(vae_terms, parts, critic, params), varies=alike),
        Phase("critic", ("critic",), partial(critic_terms, parts, critic), varies=alike),
    )
    own = {"critic": Optimiser(betas=(0.5, 0.9))}
    act = Act("factor-vae", phases, common.optimisation, optimisers=own, coupled=NORMALISED)
    return Method({**parts.modules, "critic": critic}, (act,), parts.leaves)


def vae_terms(parts: Autoencoder, critic: LatentCritic, own: Params, update: int) -> Terms:
    """Minus the evidence lower bound, and the priced total correlation."""
    seen = parts.see(own.relaxation)
    correlation = critic(base(seen.latents, parts.generator.latent_space))
    terms = negative(Bound(seen.log_likelihood, seen.posterior.kl()), 1.0)
    loss = terms["loss"] + own.gamma * correlation
    return {**terms, "loss": loss, "total_correlation": correlation}


def critic_terms(parts: Autoencoder, critic: LatentCritic, update: int) -> Terms:
    """Half of the loss of telling q(z) from the product of its marginals."""
    joint, other = drawn(parts), drawn(parts)
    scores = critic(joint), critic(permuted(other, parts.data.rng))
    return {"loss": 0.5 * telling_apart(*scores)}


@torch.no_grad()
def drawn(parts: Autoencoder) -> Tensor:
    """Draws ``(B, D)`` of the aggregated posterior, in base space."""
    x = parts.data.real(parts.common.batch_size)
    posterior = parts.model.posterior(x)
    return base(posterior.rsample(), posterior.space)
