r"""GMVAE (Dilokthanakul et al. 2016): the prior is a mixture whose components another latent moves.

.. math:: w \sim \mathcal N(0, I), \quad d \sim Cat(1/K), \quad
          z \mid w, d \sim \mathcal N(\mu_d(w), \sigma_d^2(w)), \quad x \mid z

The category is inferred exactly, by Bayes: :math:`p(d \mid z, w)`. With one draw of w and z,

.. math:: L = -\log p(x \mid z) + \sum_d p_d \, KL(q(z \mid x) \Vert p(z \mid w, d))
          + KL(q(w \mid x) \Vert p(w)) + \max(\lambda, KL(p(d \mid z, w) \Vert 1/K))

The cut at lambda (second version of the paper) keeps the last term from spreading all images over
all components at once. w has ``latents.noise`` dimensions, z has ``size``, K is
``latents.categories``; a code of the study has no place in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from pydantic import Field
from torch.distributions import Normal, kl_divergence

from ssavl.engine.act import Act
from ssavl.engine.phase import Phase, alike
from ssavl.images.draws import Draws
from ssavl.latents.priors import Block
from ssavl.latents.space import LatentSpace
from ssavl.methods import networks
from ssavl.methods.method import Common, Leaves, Method
from ssavl.methods.shared import NORMALISED, Terms
from ssavl.networks.mixture import MixtureEncoder, MixtureGenerator
from ssavl.networks.mixture_prior import MixturePrior, responsibilities
from ssavl.objectives.entropy import divergence_from_uniform
from ssavl.params.section import Section
from ssavl.params.shared import Size, Weight


class Params(Section):
    """What GMVAE reads of its own."""

    size: Size = Field(32, description="dimensions of z, that the mixture is of")
    hidden: Size = Field(128, description="neurons of the layer between w and the mixture")
    free: Weight = Field(1.0, description="lambda, nats of the category that cost nothing")


@dataclass(frozen=True)
class Players:
    """Both networks, and what they are trained with."""

    generator: MixtureGenerator
    encoder: MixtureEncoder
    common: Common
    data: Draws
    own: Params


def build(params: Params, common: Common, data: Draws) -> Method:
    """All of it, in one phase.

    Raises:
        ValueError: fewer than two categories.
    """
    latents = common.latents
    if latents.categories < 2:
        raise ValueError("its mixture has components: set latents.categories to 2 or more")
    space = LatentSpace([Block("noise", "noise", "normal", params.size)])
    decoder = networks.generator(latents, common.networks, data.image_shape, space)
    prior = MixturePrior(latents.noise, params.size, latents.categories, params.hidden)
    trunk = networks.trunk(common.networks.encoder, data.image_shape)
    generator, encoder = MixtureGenerator(decoder, prior), MixtureEncoder(trunk, prior)
    terms = partial(bound_terms, Players(generator, encoder, common, data, params))
    phases = (Phase("encoders", ("generator", "encoder"), terms, varies=alike),)
    act = Act("gmvae", phases, common.optimisation, coupled=NORMALISED)
    modules = {"generator": generator, "encoder": encoder}
    return Method(modules, (act,), Leaves(generator, (encoder,)))


def bound_terms(players: Players, update: int) -> Terms:
    """L."""
    x = players.data.real(players.common.batch_size)
    w, z = players.encoder.gaussians(x)
    drawn_w, drawn_z = w.rsample(), z.rsample()
    mixture = players.generator.prior(drawn_w)
    log_likelihood = players.common.likelihood(x, players.generator.generator(drawn_z))
    log_p = responsibilities(mixture, drawn_z)
    own = Normal(z.loc.unsqueeze(1), z.scale.unsqueeze(1), validate_args=False)
    of_z = (log_p.exp() * kl_divergence(own, mixture).sum(-1)).sum(-1)
    of_w = kl_divergence(w, Normal(0.0, 1.0)).sum(-1)
    of_d = divergence_from_uniform(log_p)
    loss = of_z + of_w + of_d.clamp_min(players.own.free) - log_likelihood
    return {
        "loss": loss,
        "log_likelihood": log_likelihood,
        "kl_z": of_z,
        "kl_w": of_w,
        "kl_d": of_d,
    }
