r"""AGE, adversarial generator-encoder networks (Ulyanov et al. 2018): a game without a critic.

.. math:: L_E = \Delta(E(x)) - \Delta(E(G(u))) + a_x \, |x - G(E(x))|_1, \qquad
          L_G = \Delta(E(G(u))) + a_u \, (1 - \cos(u, E(G(u))))

:math:`\Delta` is the divergence of a batch of codes from the prior by their moments
(:func:`ssavl.objectives.moments.diagonal_kl`), of a category that of its mean probabilities. The
encoder tells real images from generated ones by the law of their codes; at a saddle point both laws
are the prior. Noise lives on a sphere, whose radius here is the root of its dimension: the uniform
law on it has the moments of N(0, I), so that the divergence can reach 0. Batches of 64 and more are
needed. The distance of images is a mean over pixels, a category's error its -log probability.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ssavl.engine.act import Act
from ssavl.engine.phase import Phase, alike
from ssavl.images.draws import Draws
from ssavl.latents.continuous import base
from ssavl.latents.point import Point
from ssavl.latents.priors import Block
from ssavl.latents.space import LatentSpace
from ssavl.methods import networks
from ssavl.methods.method import Common, Leaves, Method
from ssavl.methods.shared import NORMALISED, Latents, Terms
from ssavl.networks.generator import ConvGenerator
from ssavl.networks.point_encoder import PointEncoder
from ssavl.objectives.entropy import code_length, divergence_from_uniform
from ssavl.objectives.moments import diagonal_kl
from ssavl.params.section import Section
from ssavl.params.shared import Count, Weight


class Params(Section):
    """What AGE reads of its own."""

    images: Weight = Field(10.0, description="a_x, of the encoder's distance of images")
    latents: Weight = Field(10.0, description="a_u, of the generator's error of latents")
    repeats: Count = Field(2, description="steps of the generator for one of the encoder")


@dataclass(frozen=True)
class Players:
    """Both, and what they draw."""

    generator: ConvGenerator
    encoder: PointEncoder
    latents: Latents
    data: Draws
    own: Params


def build(params: Params, common: Common, data: Draws) -> Method:
    """The encoder, then the generator.

    Raises:
        ValueError: noise of one dimension, which has no sphere.
    """
    if common.latents.noise < 2:
        raise ValueError("its noise lives on a sphere: set latents.noise to 2 or more")
    space = on_sphere(networks.latent_space(common.latents))
    generator = networks.generator(common.latents, common.networks, data.image_shape, space)
    encoder = PointEncoder(networks.trunk(common.networks.encoder, data.image_shape), space)
    latents = Latents(space, common.batch_size, common.rng)
    players = Players(generator, encoder, latents, data, params)
    made = partial(generator_terms, players)
    phases = (
        Phase("encoder", ("encoder",), partial(encoder_terms, players), varies=alike),
        Phase("generator", ("generator",), made, params.repeats, varies=alike),
    )
    act = Act("age", phases, common.optimisation, coupled=NORMALISED)
    modules = {"generator": generator, "encoder": encoder}
    return Method(modules, (act,), Leaves(generator, (encoder,)))


def on_sphere(space: LatentSpace) -> LatentSpace:
    """The space with its noise on a sphere."""
    blocks = [
        Block(block.name, block.role, "sphere", block.dim) if block.role == "noise" else block
        for block in space.blocks
    ]
    return LatentSpace(blocks)


def encoder_terms(players: Players, update: int) -> Terms:
    """L_E."""
    x = players.data.real(players.latents.n)
    with torch.no_grad():
        x_gen = players.generator(players.latents.new())
    of_real, of_gen = players.encoder.posterior(x), players.encoder.posterior(x_gen)
    distance = (x - players.generator(of_real.rsample())).abs().flatten(1).mean(1)
    real, gen = divergence(of_real), divergence(of_gen)
    loss = real - gen + players.own.images * distance
    return {"loss": loss, "real": real.expand_as(loss), "made": gen.expand_as(loss)}


def generator_terms(players: Players, update: int) -> Terms:
    """L_G."""
    u = players.latents.new()
    found = players.encoder.posterior(players.generator(u))
    error, space = (
        1 - F.cosine_similarity(base(u, found.space), base(found.soft, found.space)),
        found.space,
    )
    told, known = space.split(found.soft), space.split(u)
    for block in space.of_role("category"):
        error = error + code_length(told[block.name].clamp_min(1e-8).log(), known[block.name])
    made = divergence(found)
    loss = made + players.own.latents * error
    return {"loss": loss, "made": made.expand_as(loss), "error": error}


def divergence(codes: Point) -> Tensor:
    """Delta: of the moments of the continuous codes, and of the categories' mean; a scalar."""
    space, total = codes.space, diagonal_kl(base(codes.soft, codes.space))
    parts = space.split(codes.soft)
    for block in space.of_role("category"):
        mean = parts[block.name].mean(0).clamp_min(1e-8)
        total = total + divergence_from_uniform(mean.log())
    return total
