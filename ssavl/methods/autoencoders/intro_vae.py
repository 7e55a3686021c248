r"""IntroVAE (Huang et al. 2018): the encoder is the critic.

Its divergence is an energy, low for real images and, up to a margin, high for others. With
:math:`x_r` a reconstruction, :math:`x_p` an image of the prior, and R minus the likelihood:

.. math:: L_E = w R(x, x_r) + KL(x) + \tfrac\nu2 \left( [m - KL(x_r)]_+ + [m - KL(x_p)]_+ \right),

.. math:: L_G = w R(x, x_r) + \tfrac12 \left( KL(x_r) + KL(x_p) \right)

The encoder's terms of made images move no generator. Without a margin L_E is the VAE's. The margin
should be a few times the divergence of a VAE: larger ones collapse. The published code keeps the
gradient of R from the encoder's step in the generator's; here it is written out.
"""

from __future__ import annotations

from functools import partial

import torch
from pydantic import Field
from torch import Tensor

from ssavl.engine.act import Act
from ssavl.engine.phase import Phase, alike
from ssavl.images.draws import Draws
from ssavl.latents.posterior import Scored
from ssavl.methods import networks
from ssavl.methods.autoencoder import Autoencoder, Seen, autoencoder
from ssavl.methods.method import Common, Method
from ssavl.methods.shared import NORMALISED, Latents, Terms
from ssavl.params.section import Section
from ssavl.params.shared import RelaxationParams, Weight


class Params(Section):
    """What IntroVAE reads of its own."""

    margin: Weight = Field(40.0, description="m, nats that made images should differ by")
    reconstruction: Weight = Field(1.0, description="w, of minus the likelihood")
    negative: Weight = Field(0.5, description="nu, of the encoder's terms of made images")
    relaxation: RelaxationParams = RelaxationParams()


def build(params: Params, common: Common, data: Draws) -> Method:
    """The encoders, then the generator."""
    parts = autoencoder("intro-vae", common, data)
    latents = Latents(parts.generator.latent_space, common.batch_size, common.rng)
    encoders = tuple(networks.encoder_names(parts.encoders))
    judge, make = (partial(own, parts, latents, params) for own in (encoder_terms, generator_terms))
    phases = (
        Phase("encoders", encoders, judge, varies=alike),
        Phase("generator", ("generator",), make, varies=alike),
    )
    act = Act("intro-vae", phases, common.optimisation, coupled=NORMALISED)
    return Method(parts.modules, (act,), parts.leaves)


def encoder_terms(parts: Autoencoder, latents: Latents, own: Params, update: int) -> Terms:
    """L_E."""
    seen = parts.see(own.relaxation)
    with torch.no_grad():
        made = made_images(parts, seen, latents)
    energy, others = total(seen.posterior), [total(parts.model.posterior(x)) for x in made]
    short = torch.stack([(own.margin - other).clamp_min(0) for other in others]).sum(0)
    loss = energy + 0.5 * own.negative * short - own.reconstruction * seen.log_likelihood
    return {"loss": loss, "log_likelihood": seen.log_likelihood, "energy": energy, "short": short}


def generator_terms(parts: Autoencoder, latents: Latents, own: Params, update: int) -> Terms:
    """L_G."""
    seen = parts.see(own.relaxation)
    energies = [total(parts.model.posterior(x)) for x in made_images(parts, seen, latents)]
    energy = torch.stack(energies).mean(0)
    return {"loss": energy - own.reconstruction * seen.log_likelihood, "energy": energy}


def made_images(parts: Autoencoder, seen: Seen, latents: Latents) -> tuple[Tensor, Tensor]:
    """A reconstruction, and an image of the prior."""
    return parts.generator(seen.latents.detach()), parts.generator(latents.new())


def total(posterior: object) -> Tensor:
    """The divergence of all blocks from the prior, ``(B,)``."""
    assert isinstance(posterior, Scored)
    return torch.stack(list(posterior.kl().values())).sum(0)
