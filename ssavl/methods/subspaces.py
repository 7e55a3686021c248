"""K subspaces: clusters that are planes rather than balls (Bradley & Mangasarian 2000)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor


@dataclass(frozen=True)
class Subspaces:
    """Which points belong to which subspace.

    Attributes:
        labels: ``(N,)``.
        bases: orthonormal directions ``(K, F, d)``; subspaces pass through 0.
        residual: mean squared distance of the points from their own subspace.
    """

    labels: Tensor
    bases: Tensor
    residual: float


def k_subspaces(points: Tensor, labels: Tensor, count: int, dim: int, steps: int) -> Subspaces:
    """Assignments and bases by turns, until nothing moves; the residual never rises.

    Args:
        points: ``(N, F)``.
        labels: where to begin, ``(N,)``.
        count: K.
        dim: directions of a subspace, at most F.
        steps: at most.
    """
    for _ in range(steps):
        bases = torch.stack([_basis(points[labels == k], points, dim) for k in range(count)])
        distances = residuals(points, bases)
        found = distances.argmin(1)
        if torch.equal(found, labels):
            break
        labels = found
    bases = torch.stack([_basis(points[labels == k], points, dim) for k in range(count)])
    own = residuals(points, bases).gather(1, labels[:, None])
    return Subspaces(labels, bases, own.mean().item())


def residuals(points: Tensor, bases: Tensor) -> Tensor:
    """Squared distances ``(N, K)`` of points ``(N, F)`` from subspaces ``(K, F, d)``."""
    inside = torch.einsum("nf,kfd->nkd", points, bases).square().sum(-1)
    return (points.square().sum(-1, keepdim=True) - inside).clamp_min(0)


def matched(labels: Tensor, before: Tensor, count: int) -> Tensor:
    """Labels ``(N,)`` under the names that agree most with those of before (Hungarian)."""
    table = torch.zeros(count, count, dtype=torch.int64)
    pairs = (labels.cpu() * count + before.cpu()).bincount(minlength=count**2)
    table += pairs.view(count, count)
    _, names = linear_sum_assignment(-table.numpy())
    return torch.as_tensor(names, device=labels.device)[labels]


def _basis(members: Tensor, points: Tensor, dim: int) -> Tensor:
    """Leading directions ``(F, dim)``; of an empty cluster those of all points."""
    own = members if len(members) >= dim else points
    _, _, directions = torch.linalg.svd(own, full_matrices=False)
    return directions[:dim].T
