r"""CatGAN (Springenberg 2016): a discriminator that is sure of real images, and of no category.

With H the entropy of the K probabilities that the discriminator gives,

.. math:: L_D = \mathbb E_x H(p(y \mid x)) - H(\mathbb E_x\, p(y \mid x))
          - \mathbb E_u H(p(y \mid G(u))), \qquad
          L_G = \mathbb E_u H(p(y \mid G(u))) - H(\mathbb E_u\, p(y \mid G(u)))

There is no unit for real and generated: one is sure, the other is not. L_D is least, -2 log K,
where real images are sorted surely and evenly and generated ones not at all. Marginals are of a
batch, so K = 20 wants a hundred images in it. No latent of the generator is the category: the
discriminator is left as a clusterer. Gaussian noise on the images that it sees is the paper's.
"""

from __future__ import annotations

from functools import partial

import torch
from pydantic import Field
from torch import Tensor

from ssavl.engine.act import Act
from ssavl.engine.phase import Phase, alike
from ssavl.images.draws import Draws
from ssavl.methods import networks
from ssavl.methods.gan import Gan, gan
from ssavl.methods.method import Common, Leaves, Method
from ssavl.methods.shared import NORMALISED, Terms
from ssavl.networks.classifier import Classifier
from ssavl.objectives.entropy import entropy, marginal_entropy
from ssavl.params.section import Section
from ssavl.params.shared import Weight


class Params(Section):
    """What CatGAN reads of its own."""

    balance: Weight = Field(1.0, description="weight of the marginal entropies")
    noise: Weight = Field(0.1, description="deviation of noise on judged images, of [0, 1]")


def build(params: Params, common: Common, data: Draws) -> Method:
    """Discriminator and generator, by turns.

    Raises:
        ValueError: fewer than two categories.
    """
    if common.latents.categories < 2:
        raise ValueError("it sorts images into categories: set latents.categories to 2 or more")
    players = gan(common, data)
    trunk = networks.trunk(common.networks.encoder, data.image_shape)
    judge = Classifier(trunk, common.latents.categories)
    phases = (
        Phase("judge", ("judge",), partial(judge_terms, players, judge, params), varies=alike),
        Phase(
            "generator", ("generator",), partial(maker_terms, players, judge, params), varies=alike
        ),
    )
    act = Act("catgan", phases, common.optimisation, coupled=NORMALISED)
    modules = {"generator": players.generator, "judge": judge}
    return Method(modules, (act,), Leaves(players.generator, clusterer=judge))


def judge_terms(players: Gan, judge: Classifier, own: Params, update: int) -> Terms:
    """L_D."""
    x = torch.cat([players.real(), players.made()])
    of_real, of_gen = sorted_(players, judge, own, x).chunk(2)
    sure, unsure = entropy(of_real), entropy(of_gen)
    balanced = marginal_entropy(of_real)
    loss = sure - unsure - own.balance * balanced
    return {"loss": loss, "of_real": sure, "of_gen": unsure, "marginal": balanced.expand(len(sure))}


def maker_terms(players: Gan, judge: Classifier, own: Params, update: int) -> Terms:
    """L_G."""
    of_gen = sorted_(players, judge, own, players.generator(players.latents.new()))
    return {"loss": entropy(of_gen) - own.balance * marginal_entropy(of_gen)}


def sorted_(players: Gan, judge: Classifier, own: Params, x: Tensor) -> Tensor:
    """Log-probabilities ``(B, K)`` of images with noise."""
    rng = players.common.rng
    noise = torch.randn(x.shape, generator=rng, device=x.device)
    return judge(x + own.noise * noise).log_softmax(-1)
