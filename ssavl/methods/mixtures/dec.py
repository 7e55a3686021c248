r"""DEC, deep embedded clustering (Xie et al. 2016).

First a denoising autoencoder. Then k-means of its codes gives centres, and both code and centres
learn from what is sure already. With q the soft assignments by Student's t and p their target
(:mod:`ssavl.objectives.student_t`), computed for all images every ``every`` iterations:

.. math:: L = KL(p \Vert q) = \sum_k p_{ik} \log (p_{ik} / q_{ik})

A target of each batch by itself would collapse. Xie et al. stack autoencoders layer by layer and
learn clusters by SGD; here one convolutional autoencoder is trained as a whole, and Adam at a tenth
of the rate moves the clusters. The decoder is of no use after that, and is not left.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import torch
from pydantic import Field
from sklearn.cluster import KMeans

from ssavl.engine.act import Act
from ssavl.engine.memory import Memory
from ssavl.engine.optimiser import Optimiser
from ssavl.engine.phase import Phase
from ssavl.images.draws import Draws
from ssavl.methods import networks
from ssavl.methods.denoising import Denoising, all_codes, decoder, denoising_act
from ssavl.methods.method import Common, Leaves, Method
from ssavl.methods.shared import Terms
from ssavl.networks.student_clusterer import StudentClusterer, soft_assignment
from ssavl.objectives.student_t import target
from ssavl.params.section import Section
from ssavl.params.shared import Count, OptimisationParams, Size, Weight


class Params(Section):
    """What DEC reads of its own."""

    autoencoder: OptimisationParams = OptimisationParams()
    size: Size = Field(10, description="dimensions of a code")
    noise: Weight = Field(0.2, description="deviation of noise on encoded images, of [0, 1]")
    every: Count = Field(140, description="iterations from one computation of targets to the next")
    restarts: Count = Field(20, description="of k-means")
    rate: Annotated[float, Field(gt=0)] = Field(0.1, description="of the learning rate, a factor")


def build(params: Params, common: Common, data: Draws) -> Method:
    """The autoencoder, then the clusters.

    Raises:
        ValueError: fewer than two categories, or no more images than them.
    """
    count = common.latents.categories
    if not 2 <= count < data.count:
        raise ValueError(
            f"latents.categories = {count}: with {data.count} images, 2 or more, below"
        )
    trunk = networks.trunk(common.networks.encoder, data.image_shape)
    clusterer = StudentClusterer(trunk, params.size, count)
    parts = Denoising(
        clusterer, decoder(common, data, params.size), data, common.likelihood, params.noise
    )
    memory = Memory(targets=torch.zeros(data.count, count))
    terms = partial(cluster_terms, clusterer, memory, data, common.batch_size)
    slower = {"clusterer": Optimiser(params.rate)}
    clusters = Act(
        "clusters",
        (Phase("clusters", ("clusterer",), terms),),
        common.optimisation,
        partial(find_centres, clusterer, data, params.restarts, common.seed),
        partial(aim, clusterer, memory, data, params.every),
        slower,
    )
    first = denoising_act(parts, ("encoder", "decoder"), params.autoencoder)
    modules = {
        "encoder": clusterer.encoder,
        "decoder": parts.decoder,
        "clusterer": clusterer,
        "targets": memory,
    }
    return Method(modules, (first, clusters), Leaves(clusterer=clusterer))


def find_centres(clusterer: StudentClusterer, data: Draws, restarts: int, seed: int) -> None:
    """k-means of all codes."""
    codes, count = all_codes(clusterer, data), len(clusterer.centres)
    fit = KMeans(count, n_init=restarts, random_state=seed).fit(codes.cpu().numpy())
    clusterer.centres.copy_(torch.as_tensor(fit.cluster_centers_))


def aim(
    clusterer: StudentClusterer, memory: Memory, data: Draws, every: int, iteration: int
) -> None:
    """Targets of all images, where it is time."""
    if iteration % every == 0:
        memory.targets = target(soft_assignment(all_codes(clusterer, data), clusterer.centres))


def cluster_terms(
    clusterer: StudentClusterer, memory: Memory, data: Draws, n: int, update: int
) -> Terms:
    """KL(p || q)."""
    index = data.index(n)
    q, p = clusterer.probabilities(data.take(index)), memory.targets[index]
    return {"loss": (torch.xlogy(p, p) - p * q.log()).sum(-1)}
