r"""Categories of real images before any image is generated, without labels.

1. An embedding in which views of one image, under the declared invariances, find each other
   (:mod:`ssavl.objectives.contrast`).
2. k-means of the embedded images. Of several starts the tightest is kept.
3. Each image takes the category whose images it is best connected with over chains of neighbours:
   the nearest mean in the spectrum of the neighbours' graph (:mod:`ssavl.methods.neighbours`).
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

The embedding is trained by the same loop as everything else, and resumed from the folder
``embedding`` beside the GAN's resume state. k-means and the spectrum are deterministic, and are
computed again on resume.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from sklearn.cluster import KMeans
from torch import Tensor

from ssavl.engine.phase import Phase
from ssavl.methods.neighbours import nearest_mean, neighbours, spectrum
from ssavl.networks.embedding import Embedding
from ssavl.objectives.contrast import contrast
from ssavl.objectives.invariances import Invariances
from ssavl.params.shared import ClustersParams


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

    def summary(self, categories: int) -> dict[str, float]:
        """For ``run.json``: with the above, the share of images in the smallest and the largest
        category.
        """
        share = torch.bincount(self.labels, minlength=categories) / len(self.labels)
        smallest, largest = share.min().item(), share.max().item()
        return {
            "inertia": self.inertia,
            "moved": self.moved,
            "smallest": smallest,
            "largest": largest,
        }


def embedding_phase(
    embedding: Embedding,
    params: ClustersParams,
    real: Callable[[int], Tensor],
    rng: torch.Generator,
) -> Phase:
    """The phase that trains the module ``embedding``.

    Args:
        real: draws ``n`` real images, ``(n, C, H, W)`` in [0, 1].
        rng: draws transformations.
    """
    invariances = Invariances(**params.invariances.model_dump())

    def loss(update: int) -> Mapping[str, Tensor]:
        x = real(params.batch_size)
        e, e_view = embedding(torch.cat([invariances(x, rng), invariances(x, rng)])).chunk(2)
        return {"loss": -contrast(e, e_view, params.temperature)}

    return Phase("embedding", ("embedding",), loss)


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
