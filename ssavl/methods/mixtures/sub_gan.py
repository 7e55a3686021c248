r"""Sub-GAN (Liang et al. 2018), reconstructed: there is no public code, and details are uncertain.

Real images are grouped into K subspaces of features, and a conditional GAN learns the groups:

1. a denoising autoencoder gives first features, and K subspaces of them first groups;
2. a discriminator D tells real from generated; a clusterer C tells the group of real images and the
   category of generated ones; the generator minimises
   :math:`-\log D(G(z, d)) - \lambda \log C(d \mid G(z, d))`;
3. every ``every`` iterations the groups are made anew, from the features of C, under the names that
   agree most with those of before.

So it is an AC-GAN (Odena et al. 2017) whose labels are subspaces. What the paper has and this has
not: noise that is drawn within a group's subspace.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from pydantic import Field
from sklearn.cluster import KMeans
from torch.nn import functional as F

from ssavl.engine.act import Act
from ssavl.engine.memory import Memory
from ssavl.engine.phase import Phase
from ssavl.images.draws import Draws
from ssavl.methods import networks
from ssavl.methods.denoising import Denoising, all_codes, decoder, denoising_act
from ssavl.methods.gan import Gan, gan, logistic_critic_terms
from ssavl.methods.method import Common, Leaves, Method
from ssavl.methods.shared import NORMALISED, Terms
from ssavl.methods.subspaces import k_subspaces, matched
from ssavl.networks.classifier import Classifier
from ssavl.objectives.density_ratio import passing_for_a
from ssavl.params.section import Section
from ssavl.params.shared import Count, OptimisationParams, Size, Weight

STEPS = 100  # of K subspaces, at most


class Params(Section):
    """What Sub-GAN reads of its own."""

    autoencoder: OptimisationParams = OptimisationParams()
    noise: Weight = Field(0.2, description="deviation of noise on encoded images, of [0, 1]")
    dim: Size = Field(8, description="directions of a subspace")
    every: Count = Field(500, description="iterations from one grouping to the next")
    weight: Weight = Field(1.0, description="lambda, of the generator's -log C")


@dataclass(frozen=True)
class Groups:
    """The clusterer, and the groups of the real images."""

    clusterer: Classifier
    memory: Memory
    count: int
    own: Params
    seed: int


def build(params: Params, common: Common, data: Draws) -> Method:
    """The autoencoder, then the game.

    Raises:
        ValueError: fewer than two categories, or more directions than features.
    """
    count, features = common.latents.categories, common.networks.encoder.features
    if not 2 <= count < data.count:
        raise ValueError(
            f"latents.categories = {count}: with {data.count} images, 2 or more, below"
        )
    if params.dim > features:
        raise ValueError(f"dim = {params.dim} directions of networks.encoder.features = {features}")
    players = gan(common, data)
    trunk = networks.trunk(common.networks.encoder, data.image_shape)
    clusterer = Classifier(trunk, count)
    parts = Denoising(trunk, decoder(common, data, features), data, common.likelihood, params.noise)
    memory = Memory(labels=torch.zeros(data.count, dtype=torch.int64))
    groups = Groups(clusterer, memory, count, params, common.seed)
    make = partial(generator_terms, players, groups)
    phases = (
        Phase("critic", ("critic",), partial(logistic_critic_terms, players)),
        Phase("clusterer", ("clusterer",), partial(clusterer_terms, players, groups)),
        Phase("generator", ("generator",), make),
    )
    first = denoising_act(parts, ("trunk", "decoder"), params.autoencoder)
    game = Act(
        "sub-gan",
        phases,
        common.optimisation,
        partial(begin, groups, data),
        partial(regroup, groups, data),
        coupled=NORMALISED,
    )
    modules = {
        "generator": players.generator,
        "critic": players.critic,
        "trunk": trunk,
        "decoder": parts.decoder,
        "clusterer": clusterer,
        "groups": memory,
    }
    return Method(modules, (first, game), Leaves(players.generator, clusterer=clusterer))


def begin(groups: Groups, data: Draws) -> None:
    """First groups: subspaces, from clusters of k-means."""
    features = all_codes(groups.clusterer.trunk, data)
    fit = KMeans(groups.count, n_init=10, random_state=groups.seed).fit(features.cpu().numpy())
    start = torch.as_tensor(fit.labels_, dtype=torch.int64, device=features.device)
    found = k_subspaces(features, start, groups.count, groups.own.dim, STEPS)
    groups.memory.labels.copy_(found.labels)


def regroup(groups: Groups, data: Draws, iteration: int) -> None:
    """The groups anew, where it is time."""
    if iteration == 0 or iteration % groups.own.every:
        return
    features, before = all_codes(groups.clusterer.trunk, data), groups.memory.labels
    found = k_subspaces(features, before, groups.count, groups.own.dim, STEPS)
    groups.memory.labels.copy_(matched(found.labels, before, groups.count))


def clusterer_terms(players: Gan, groups: Groups, update: int) -> Terms:
    """-log C of the group of real images, and of the category of generated ones."""
    index = players.data.index(players.latents.n)
    with torch.no_grad():
        x_gen, known = players.made(), category(players)
    of_real, of_gen = groups.clusterer(torch.cat([players.data.take(index), x_gen])).chunk(2)
    real = F.cross_entropy(of_real, groups.memory.labels[index], reduction="none")
    made = F.cross_entropy(of_gen, known, reduction="none")
    return {"loss": real + made, "real": real, "made": made}


def generator_terms(players: Gan, groups: Groups, update: int) -> Terms:
    """-log D - lambda log C."""
    x_gen = players.generator(players.latents.new())
    told = F.cross_entropy(groups.clusterer(x_gen), category(players), reduction="none")
    fooled = passing_for_a(players.critic(x_gen))
    return {"loss": fooled + groups.own.weight * told, "fooled": fooled, "told": told}


def category(players: Gan) -> torch.Tensor:
    """Of the latents that were drawn last, ``(B,)``."""
    (block,) = players.space.of_role("category")
    return players.space.split(players.latents.again())[block.name].argmax(-1)
