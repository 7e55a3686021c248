"""Nearest neighbours by cosine, and what they agree on."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_ROWS = 1000  # compared with all others at a time: memory, not results


def neighbours(features: Tensor, k: int) -> Tensor:
    """Indices ``(N, k)`` of the k other samples nearest to each of ``features``, ``(N, F)``, by cosine."""
    unit = F.normalize(features, dim=-1)
    found = []
    for start in range(0, len(unit), _ROWS):
        similarity = unit[start : start + _ROWS] @ unit.T
        row = torch.arange(len(similarity), device=unit.device)
        similarity[row, start + row] = -torch.inf
        found.append(similarity.topk(k, dim=1).indices)
    return torch.cat(found)


def majority(labels: Tensor, near: Tensor, categories: int, rounds: int) -> Tensor:
    """Labels ``(N,)`` after each sample took its neighbours' most frequent label, all at once, ``rounds`` times.

    Args:
        labels: ``(N,)``, from 0 to ``categories`` - 1.
        near: indices ``(N, k)`` of each sample's neighbours.
    """
    for _ in range(rounds):
        labels = F.one_hot(labels[near], categories).sum(1).argmax(1)
    return labels
