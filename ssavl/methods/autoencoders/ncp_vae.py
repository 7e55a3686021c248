r"""NCP-VAE (Aneja et al. 2021): a prior that is learned after the VAE.

First a VAE. Then, its networks fixed, a classifier D tells its latents of training images from
draws of the prior; its optimum is the log-ratio of the aggregated posterior and the prior. The new
prior is :math:`p(u) e^{D(u)} / Z`, drawn from by resampling, and

.. math:: \log p(x) \ge \mathbb E_q \log p(x \mid u) - KL(q(u \mid x) \Vert p(u))
          + \mathbb E_q D(u) - \log Z

Z is estimated from draws of p: the bound then errs upwards. A classifier that overfits has enormous
ratios: keep its act short. A reconstruction is that of the VAE, since no prior enters it.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from pydantic import Field
from torch import Tensor

from ssavl.engine.act import Act
from ssavl.engine.phase import Phase, alike
from ssavl.images.draws import Draws
from ssavl.methods.autoencoder import Autoencoder, autoencoder
from ssavl.methods.method import Common, Leaves, Method
from ssavl.methods.shared import NORMALISED, Latents, Terms, negative, part
from ssavl.networks.perceptron import LatentCritic
from ssavl.networks.reweighted import ReweightedGenerator
from ssavl.objectives.density_ratio import telling_apart
from ssavl.objectives.elbo import Bound
from ssavl.params.section import Section
from ssavl.params.shared import OptimisationParams, RelaxationParams, Size

DRAWS = 100_000  # of the prior, that estimate Z


class Params(Section):
    """What NCP-VAE reads of its own."""

    vae: OptimisationParams = OptimisationParams()
    width: Size = Field(256, description="neurons of a layer of the classifier")
    depth: Size = Field(3, description="hidden layers of the classifier")
    proposals: Size = Field(500, description="draws of the plain prior, of which one is kept")
    relaxation: RelaxationParams = RelaxationParams()


def build(params: Params, common: Common, data: Draws) -> Method:
    """The VAE, then the classifier."""
    parts = autoencoder("ncp-vae", common, data)
    space = parts.generator.latent_space
    ratio = LatentCritic(space.dim, params.width, params.depth)
    reweighted = ReweightedGenerator(parts.generator, ratio, params.proposals)
    latents = Latents(space, common.batch_size, common.rng)
    vae = partial(evidence_terms, parts, params, common.beta)
    prior = partial(ratio_terms, parts, reweighted, latents)
    acts = (
        Act(
            "vae",
            (Phase("encoders", tuple(parts.modules), vae, varies=alike),),
            params.vae,
            coupled=NORMALISED,
        ),
        Act("prior", (Phase("ratio", ("ratio",), prior, varies=alike),), common.optimisation),
    )
    leaves = Leaves(reweighted, parts.encoders)
    record = partial(normaliser, reweighted, common.seed)
    return Method({**parts.modules, "ratio": ratio}, acts, leaves, record=record)


def evidence_terms(parts: Autoencoder, own: Params, beta: float, update: int) -> Terms:
    """Minus the VAE's bound."""
    seen = parts.see(own.relaxation)
    return negative(Bound(seen.log_likelihood, seen.posterior.kl()), beta)


def ratio_terms(
    parts: Autoencoder, reweighted: ReweightedGenerator, latents: Latents, update: int
) -> Terms:
    """The classifier's loss, on exact draws: categories are one-hot."""
    with torch.no_grad():
        x = parts.data.real(parts.common.batch_size)
        posterior, space = parts.model.posterior(x), reweighted.latent_space
        inferred = part(posterior.sample(), posterior.space, space)
    of_inferred, of_prior = reweighted.log_ratio(inferred), reweighted.log_ratio(latents.new())
    return {"loss": telling_apart(of_inferred, of_prior), "log_ratio": of_inferred}


@torch.no_grad()
def log_normaliser(reweighted: ReweightedGenerator, n: int, rng: torch.Generator) -> Tensor:
    """log Z in nats, a scalar, by n draws of the plain prior."""
    space, at_once = reweighted.latent_space, min(n, 10_000)
    times = -(-n // at_once)
    ratios = [reweighted.log_ratio(space.sample(at_once, rng)) for _ in range(times)]
    return torch.cat(ratios).logsumexp(0) - math.log(at_once * times)


def normaliser(reweighted: ReweightedGenerator, seed: int) -> dict[str, Any]:
    """What ``run.json`` says of it."""
    device = next(reweighted.parameters()).device
    rng = torch.Generator(device).manual_seed(seed)
    return {"log_normaliser": log_normaliser(reweighted, DRAWS, rng).item(), "draws": DRAWS}
