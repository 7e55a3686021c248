"""What soft clusters should become (Xie et al. 2016)."""

from __future__ import annotations

from torch import Tensor


def target(assigned: Tensor) -> Tensor:
    """What assignments ``(N, K)`` should become: their squares over the size of each cluster,
    ``(N, K)``; sharper, and without a reward for large clusters.
    """
    weight = assigned.square() / assigned.sum(0)
    return weight / weight.sum(1, keepdim=True)
