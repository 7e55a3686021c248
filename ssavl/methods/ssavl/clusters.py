r"""Categories of real images before any image is generated, without labels.

1. An embedding in which views of one image, under the declared invariances, find each other
   (:mod:`ssavl.objectives.contrast`).
2. k-means of the embedded images. Of several starts the tightest is kept.
3. Each image takes the category whose images it is best connected with over chains of neighbours:
   the nearest mean in the spectrum of the neighbours' graph (:mod:`.neighbours`).
   k-means draws its borders halfway between centres; this moves them to where images are few. One
   step only, so that no category can drift away from k-means.

``train-gan`` then lets the code encoder learn these categories from real images while the generator
learns to draw them. Eq. 24 alone leaves to chance which images share a category. Two categories
that share two digits are then a local optimum of generator and encoder together: neither of them
gains by changing alone. Clusters of real images have no generator to wait for, so they are found
before it, and stay as they are. It is not in Ye & Bors 2024: 0 iterations are the paper.

The invariances of the embedding are wider than those of the category. Wide ones, with a smooth
warp, make clusters of classes rather than of slants; narrow ones read finer once the clusters
stand.

The embedding is the first act of the training; the second enters by k-means and the spectrum, and
what they find stays in a :class:`Memory`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from sklearn.cluster import KMeans
from torch import Tensor

from ssavl.engine.act import Act
from ssavl.engine.memory import Memory
from ssavl.engine.phase import Phase, alike
from ssavl.images.draws import Draws
from ssavl.methods.shared import Terms
from ssavl.methods.ssavl.neighbours import nearest_mean, neighbours, spectrum
from ssavl.networks.embedding import Embedding
from ssavl.networks.encoder import Encoder
from ssavl.networks.trunk import Trunk
from ssavl.objectives.contrast import contrast
from ssavl.objectives.invariances import Invariances
from ssavl.params.ssavl import ClustersParams


@dataclass(frozen=True)
class Clusters:
    """A category for every real image.

    Attributes:
        labels: int64 ``(N,)``.
        inertia: mean squared distance of the embedded images to the nearest centre of k-means; of
            several runs with the same parameters, no label is needed to prefer the tightest.
        moved: share of the images that the third step moved to another category.
    """

    labels: Tensor
    inertia: float
    moved: float


@dataclass(frozen=True)
class Clustering:
    """Real images, the embedding that they are clustered in, and what is remembered of it.

    Attributes:
        memory: ``labels`` ``(N,)``, ``inertia`` and ``moved``, as :class:`Clusters` has them.
    """

    embedding: Embedding
    memory: Memory
    params: ClustersParams
    data: Draws
    categories: int
    seed: int

    def draw(self, n: int) -> tuple[Tensor, Tensor]:
        """Random real images ``(n, C, H, W)`` and the index of their clusters ``(n,)``."""
        index = self.data.index(n)
        return self.data.take(index), self.memory.labels[index]

    def summary(self) -> dict[str, Any]:
        """For ``run.json``: how tight, and how large the smallest and the largest are."""
        labels = self.memory.labels.cpu()
        share = torch.bincount(labels, minlength=self.categories) / len(labels)
        found = {
            "inertia": self.memory.inertia.item(),
            "moved": self.memory.moved.item(),
            "smallest": share.min().item(),
            "largest": share.max().item(),
        }
        return {"clusters": found}


def build_clustering(
    params: ClustersParams, trunk: Trunk, data: Draws, categories: int, seed: int
) -> Clustering:
    """An untrained embedding, and nothing remembered yet.

    Raises:
        ValueError: fewer images than their neighbours' graph needs.
    """
    sizes = {
        "train-gan.real_clusters.neighbours": params.neighbours,
        "train-gan.real_clusters.directions": params.directions,
        "latents.categories": categories,
    }
    name, most = max(sizes.items(), key=lambda entry: entry[1])
    if data.count <= most:
        raise ValueError(
            f"{name} = {most}: with {data.count} training images it must be less than these, for "
            "real_clusters"
        )
    memory = Memory(
        labels=torch.zeros(data.count, dtype=torch.int64),
        inertia=torch.zeros((), dtype=torch.float64),
        moved=torch.zeros((), dtype=torch.float64),
    )
    embedding = Embedding(trunk, params.size, data.count, params.neighbours)
    return Clustering(embedding, memory, params, data, categories, seed)


def embedding_act(clustering: Clustering) -> Act:
    """The act that trains the module ``embedding``."""
    loss = partial(contrast_terms, clustering, Invariances.of(clustering.params.invariances))
    phases = (Phase("embedding", ("embedding",), loss, varies=alike),)
    why = "each image is told from all others of its batch"
    return Act("embedding", phases, clustering.params, coupled=why)


def contrast_terms(clustering: Clustering, invariances: Invariances, update: int) -> Terms:
    """Step 1: two views of an image, among those of all others."""
    rng = clustering.data.rng
    x = clustering.data.real(clustering.params.piece)
    views = torch.cat([invariances(x, rng), invariances(x, rng)])
    e, e_view = clustering.embedding(views).chunk(2)
    return {"loss": -contrast(e, e_view, clustering.params.temperature)}


def settle(clustering: Clustering, code_encoder: Encoder | None) -> None:
    """Steps 2 and 3, into the memory; a code encoder starts from the embedding's trunk."""
    embedding = clustering.embedding
    device = next(embedding.parameters()).device
    batches = (x.to(device) for x in clustering.data.batches(1000))
    found = find_clusters(
        embedding, batches, clustering.categories, clustering.params, clustering.seed
    )
    embedding.labels.copy_(found.labels)
    embedding.means.copy_(torch.cat([x.mean((1, 2, 3)) for x in clustering.data.batches(1000)]))
    clustering.memory.labels.copy_(found.labels)
    clustering.memory.inertia.fill_(found.inertia)
    clustering.memory.moved.fill_(found.moved)
    if code_encoder is not None:
        code_encoder.trunk.load_state_dict(embedding.trunk.state_dict())


@torch.no_grad()
def find_clusters(
    embedding: Embedding,
    batches: Iterable[Tensor],
    categories: int,
    params: ClustersParams,
    seed: int,
) -> Clusters:
    """Steps 2 and 3.

    Args:
        batches: all real images in order, each ``(B, C, H, W)`` in [0, 1], on the embedding's
            device.
        seed: of the starts of k-means.
    """
    features, points = [], []
    for x in batches:
        features.append(embedding.trunk(x).float())
        points.append(embedding(x))
    fit = KMeans(categories, n_init=params.restarts, random_state=seed).fit(
        torch.cat(points).cpu().numpy()
    )
    start = torch.as_tensor(fit.labels_, dtype=torch.int64)
    labels = nearest_mean(
        spectrum(neighbours(torch.cat(features), params.neighbours), params.directions),
        start,
        categories,
    )
    return Clusters(labels, fit.inertia_ / len(labels), (labels != start).float().mean().item())
