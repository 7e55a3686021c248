"""What needs no generator and no encoder: rows that a study has to be read beside."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssavl.datasets.prepared import Prepared, Split
from ssavl.engine.device import Compute
from ssavl.errors import UserError
from ssavl.metrics.clustering import clustering, kmeans_categories
from ssavl.networks.embedding import Embedding
from ssavl.params.evaluate import EvaluateParams


def baselines(
    prepared: Prepared,
    settings: EvaluateParams,
    categories: int,
    seed: int,
    sorter: Embedding | None,
    compute: Compute,
) -> dict[str, dict[str, float]]:
    """Agreement with the classes of a split, by the name of a row.

    ``k-means``: of pixels, with as many clusters as ``categories``. ``clusters``: those of real
    images that the generator's training started from; absent where it had none, or where these data
    are not what it was trained on.

    Raises:
        UserError: data without labels, or of fewer training images than categories.
    """
    classes = prepared.labels_of(settings.split)
    count = len(prepared.span("train"))
    if count < categories:
        raise UserError(
            f"k-means finds no {categories} categories in {count} training images: set "
            "evaluate.clustering to false, or latents.categories to fewer and train anew"
        )
    rows = {
        "k-means": kmeans_categories(
            _pixels(prepared, "train", settings.batch_size),
            _pixels(prepared, settings.split, settings.batch_size),
            categories,
            seed,
            settings.kmeans_restarts,
        )
    }
    if sorter is not None:
        found = sorted_by(sorter, prepared, settings.split, settings.batch_size, compute)
        if found is not None:
            rows["clusters"] = found.numpy()
    return {name: clustering(found, classes) for name, found in rows.items()}


@torch.no_grad()
def sorted_by(
    sorter: Embedding, prepared: Prepared, split: Split, batch_size: int, compute: Compute
) -> Tensor | None:
    """The cluster ``(N,)`` of each image of a split; ``None`` where the training images are others
    than those that were sorted.
    """
    compute.place(sorter)
    features, means = [], []
    for batch in prepared.batches("train", batch_size):
        x = batch.to(compute.device)
        features.append(sorter.features(x))
        means.append(x.mean((1, 2, 3)))
    if not sorter.knows(torch.cat(means)):
        return None
    known = torch.cat(features)
    batches = prepared.batches(split, batch_size)
    return torch.cat([sorter.sort(x.to(compute.device), known).cpu() for x in batches])


def _pixels(prepared: Prepared, split: Split, batch_size: int) -> NDArray[np.float32]:
    return torch.cat(list(prepared.batches(split, batch_size))).flatten(1).numpy()
