"""Soft clusters by Student's t (van der Maaten & Hinton 2008; Xie et al. 2016)."""

from __future__ import annotations

from torch import Tensor


def soft_assignment(codes: Tensor, centres: Tensor) -> Tensor:
    """Probabilities ``(B, K)`` of centres ``(K, D)`` for codes ``(B, D)``, in proportion to
    1 / (1 + |code - centre|^2).
    """
    squares = (codes.unsqueeze(1) - centres.unsqueeze(0)).square().sum(-1)
    similar = 1 / (1 + squares)
    return similar / similar.sum(1, keepdim=True)


def target(assigned: Tensor) -> Tensor:
    """What assignments ``(N, K)`` should become: their squares over the size of each cluster,
    ``(N, K)``; sharper, and without a reward for large clusters.
    """
    weight = assigned.square() / assigned.sum(0)
    return weight / weight.sum(1, keepdim=True)
