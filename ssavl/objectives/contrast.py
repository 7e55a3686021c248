r"""Instance discrimination by InfoNCE (van den Oord et al. 2018; in this form Chen et al. 2020,
Eq. 1), without labels.

Two random views of an image should lie closer to each other than to any other image's view:

.. math:: \log \frac{\exp(e_i^\top e_{i'} / \tau)}{\sum_{j \ne i} \exp(e_i^\top e_j / \tau)},

for unit embeddings e of all 2B views. Its mean plus log(2B - 1) bounds the views' mutual
information from below. A high temperature weighs far neighbours too, and leaves few large groups
rather than single images.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def contrast(e: Tensor, e_view: Tensor, temperature: float) -> Tensor:
    """Log-probability in nats that each sample's views find each other, shape ``(B,)``,
    the mean of both directions.

    Args:
        e, e_view: unit embeddings ``(B, P)`` of two views of the same images.
    """
    n = len(e)
    both = torch.cat([e, e_view])
    similarity = (both @ both.T / temperature).fill_diagonal_(-torch.inf)
    partner = torch.arange(2 * n, device=e.device).roll(n)
    return -F.cross_entropy(similarity, partner, reduction="none").view(2, n).mean(0)
