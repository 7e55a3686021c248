"""Divergences between all pairs of posteriors of a batch."""

from __future__ import annotations

from torch import Tensor
from torch.distributions import Normal, kl_divergence


def pairwise_kl(posterior: Normal) -> Tensor:
    """KL(q(z | x_i) || q(z | x_j)) of posteriors ``(B, D)``: nats by dimension, ``(B, B, D)``."""
    first = Normal(posterior.loc[:, None], posterior.scale[:, None], validate_args=False)
    second = Normal(posterior.loc[None], posterior.scale[None], validate_args=False)
    return kl_divergence(first, second)
