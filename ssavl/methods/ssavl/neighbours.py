r"""Nearest neighbours by cosine, and the spectrum of their graph.

With W the symmetric adjacency of the k-nearest-neighbours graph and D its degrees, the leading
eigenvectors of :math:`D^{-1/2} W D^{-1/2}` are constant on groups that few edges leave (Ng, Jordan
& Weiss 2002): samples that chains of neighbours connect come together, whatever the shape of their
group.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_matrix, diags
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import eigsh
from torch import Tensor
from torch.nn import functional as F

_ROWS = 1000  # compared with all others at a time: memory, not results


def neighbours(features: Tensor, k: int) -> Tensor:
    """Indices ``(N, k)`` of the k other samples nearest to each of ``features``, ``(N, F)``,
    by cosine.
    """
    unit = F.normalize(features, dim=-1)
    found = []
    for start in range(0, len(unit), _ROWS):
        similarity = unit[start : start + _ROWS] @ unit.T
        row = torch.arange(len(similarity), device=unit.device)
        similarity[row, start + row] = -torch.inf
        found.append(similarity.topk(k, dim=1).indices)
    return torch.cat(found)


def spectrum(near: Tensor, size: int) -> Tensor:
    """The ``size`` leading eigenvectors as unit rows ``(N, size)`` on the CPU, one per sample.

    Args:
        near: indices ``(N, k)`` from :func:`neighbours`.
    """
    n, k = near.shape
    edges = csr_matrix(
        (np.ones(n * k), (np.repeat(np.arange(n), k), near.cpu().numpy().ravel())), (n, n)
    )
    adjacency = (edges + edges.T) / 2
    scale = diags(np.asarray(adjacency.sum(1)).ravel() ** -0.5)
    matrix = scale @ adjacency @ scale
    # Each part of the graph has an eigenvalue of 1, of which Lanczos sees one vector (others only
    # by rounding): the parts are taken one by one.
    _, part = connected_components(matrix, directed=False)
    found = []  # eigenvalue, samples of its part, eigenvector over them
    for index in (np.flatnonzero(part == number) for number in range(part.max() + 1)):
        own = matrix if len(index) == n else matrix[index][:, index]
        # each sample has a neighbour: no part is smaller than two
        count = min(size, len(index) - 1)
        # ARPACK's own would differ from run to run
        start = np.random.default_rng(0).standard_normal(len(index))
        values, vectors = eigsh(own, count, which="LA", v0=start)
        found += [(value, index, vector) for value, vector in zip(values, vectors.T, strict=True)]
    leading = sorted(found, key=lambda pair: pair[0])[-size:]  # ascending, as eigsh has them
    points = np.zeros((n, len(leading)))
    for column, (_, index, vector) in enumerate(leading):
        points[index, column] = vector
    return F.normalize(torch.from_numpy(points), dim=-1)


def nearest_mean(points: Tensor, labels: Tensor, categories: int) -> Tensor:
    """For each of ``points``, ``(N, P)``, the category ``(N,)`` whose mean under ``labels``,
    ``(N,)``, is nearest.
    """
    means = torch.stack([points[labels == category].mean(0) for category in range(categories)])
    return torch.cdist(points, means).argmin(1)
