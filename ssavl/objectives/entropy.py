"""Entropies of categories, in nats."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def entropy(log_p: Tensor) -> Tensor:
    """Of each of a batch's distributions ``(B, K)``, by their log-probabilities: ``(B,)``."""
    return -(log_p.exp() * log_p).sum(-1)


def marginal_entropy(log_p: Tensor) -> Tensor:
    """Of the mean of the distributions ``(B, K)``, a scalar; log K where all categories are as
    frequent.
    """
    return entropy(log_p.logsumexp(0) - math.log(len(log_p)))


def divergence_from_uniform(log_p: Tensor) -> Tensor:
    """KL(p || 1 / K) of each distribution ``(B, K)``, ``(B,)``."""
    return math.log(log_p.shape[-1]) - entropy(log_p)


def code_length(log_p: Tensor, category: Tensor) -> Tensor:
    """-log p of categories that are given, one-hot ``(B, K)`` or mixed: ``(B,)``."""
    return -torch.sum(category * log_p, -1)
