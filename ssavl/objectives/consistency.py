r"""Invariant information clustering of real images (Ji, Henriques & Vedaldi 2019), without labels.

Two random views of one image should get one category, and all categories should be used:

.. math:: I(d; d') = \sum_{ij} P_{ij} \log \frac{P_{ij}}{P_i P_j}, \qquad
          P = \tfrac 1 {2B} \sum_b (p_b p_b'^\top + p_b' p_b^\top).

Mutual information with *generated* images (Eq. 24) says nothing of what q(d | x) does on real ones;
this does. It is not in Ye & Bors 2024: weight 0 is the paper.
"""

from __future__ import annotations

import torch
from torch import Tensor


def paired_information(p: Tensor, p_view: Tensor) -> Tensor:
    """Each sample's share of I(d; d') in nats, shape ``(B,)``; the mean is the information itself.

    Args:
        p, p_view: probabilities ``(B, K)`` of the category for two views of the same images.
    """
    joint = p.T @ p_view / len(p)
    joint = (joint + joint.T) / 2
    marginal = joint.sum(1)
    tiny = torch.finfo(joint.dtype).tiny
    gain = (
        joint.clamp_min(tiny).log()
        - marginal.clamp_min(tiny).log()[:, None]
        - marginal.clamp_min(tiny).log()
    )
    return ((p @ gain) * p_view).sum(1)
