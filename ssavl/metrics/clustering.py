"""How well a category agrees with classes that it never saw."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

Labels = NDArray[np.int64]


def clustering(categories: Labels, classes: Labels) -> dict[str, float]:
    """Agreement of inferred categories ``(N,)`` with true classes ``(N,)``.

    ``accuracy``: categories matched to classes one-to-one by the Hungarian method (the paper's
    Table 1).
    ``accuracy_majority``: each category stands for its most frequent class; many categories make it
    easier.
    ``nmi``: normalised mutual information, arithmetic mean. ``ari``: adjusted Rand index.

    Raises:
        ValueError: arrays of different length, or empty.
    """
    if len(categories) != len(classes) or not len(classes):
        raise ValueError(
            f"{len(categories)} categories and {len(classes)} classes cannot be compared"
        )
    counts = contingency_matrix(categories, classes)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    return {
        "accuracy": float(counts[rows, columns].sum() / len(classes)),
        "accuracy_majority": float(counts.max(axis=1).sum() / len(classes)),
        "nmi": float(normalized_mutual_info_score(classes, categories)),
        "ari": float(adjusted_rand_score(classes, categories)),
    }


def confusion(categories: Labels, classes: Labels, k: int, class_count: int) -> NDArray[np.int64]:
    """Counts ``(k, class_count)`` of images by inferred category and true class."""
    table = np.zeros((k, class_count), dtype=np.int64)
    np.add.at(table, (categories, classes), 1)
    return table


def kmeans_categories(
    train: NDArray[np.float32], test: NDArray[np.float32], k: int, seed: int, restarts: int
) -> Labels:
    """Clusters ``(N_test,)`` of k-means on raw pixels:
    the floor that any learned category must clear.

    Args:
        train, test: images flattened to ``(N, pixels)``; clusters are fitted to ``train`` alone.
        restarts: of which the one with the least inertia counts; labels play no part.
    """
    model = KMeans(k, n_init=restarts, random_state=seed).fit(train)
    return model.predict(test).astype(np.int64)
