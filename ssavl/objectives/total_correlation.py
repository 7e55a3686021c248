r"""Total correlation, and the parts of a mean divergence from the prior (Chen et al. 2018).

.. math:: \mathbb E_x KL(q(z \mid x) \Vert p(z)) = \underbrace{I_q(x; z)}_{information}
          + \underbrace{KL(q(z) \Vert \prod_j q(z_j))}_{total\ correlation}
          + \underbrace{\sum_j KL(q(z_j) \Vert p(z_j))}_{by\ dimension}

q(z) is the mean of the posteriors of all N images. A batch of B estimates it with itself. The
errors of log q(z) and of its product cancel in the sum, which is one draw of the divergence
whatever the estimator. By itself the total correlation of a small batch is far off (by up to
log N / B for each dimension): do not report it.

The published code of the stratified weights writes them into the first column where the diagonal is
meant; here they are on the diagonal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.distributions import Normal

Estimator = Literal["weighted", "stratified"]


@dataclass(frozen=True)
class Parts:
    """Of the divergence of a batch, in nats, ``(B,)`` each."""

    information: Tensor
    total_correlation: Tensor
    by_dimension: Tensor


def divergence_parts(
    posterior: Normal, z: Tensor, count: int, estimator: Estimator = "stratified"
) -> Parts:
    """The three, by one draw for each image.

    Args:
        posterior: of each image, ``(B, D)``.
        z: a draw of it, ``(B, D)``.
        count: N, how many images there are; at least B.
        estimator: of q(z): ``weighted`` by how rare a batch is, or ``stratified``, where an image's
            own posterior has the weight that it has among all images.
    """
    own = posterior.log_prob(z).sum(-1)
    pairs = posterior.log_prob(z.unsqueeze(1))  # of draw i under the posterior of image j
    weights = log_weights(len(z), count, estimator).to(z)
    joint = (pairs.sum(-1) + weights).logsumexp(1)
    product = (pairs + weights.unsqueeze(-1)).logsumexp(1).sum(-1)
    prior = Normal(0.0, 1.0).log_prob(z).sum(-1)
    return Parts(own - joint, joint - product, product - prior)


def log_weights(batch: int, count: int, estimator: Estimator) -> Tensor:
    """What posterior j of a batch counts for draw i, ``(B, B)``; with B = N it is 1 / N.

    Raises:
        ValueError: more images in a batch than there are.
    """
    if batch > count:
        raise ValueError(f"a batch of {batch} out of {count} images")
    if batch == count:
        return torch.full((batch, batch), -math.log(count))
    if estimator == "weighted" or batch == 1:
        return torch.full((batch, batch), -math.log(batch * count))
    rest = (count - batch + 1) / (count * (batch - 1))  # of one other image, which stands for many
    weights = torch.full((batch, batch), 1 / (batch - 1))
    weights.fill_diagonal_(1 / count)
    position = torch.arange(batch)
    weights[position, (position + 1) % batch] = rest
    return weights.log()


def permuted(z: Tensor, rng: torch.Generator) -> Tensor:
    """Draws ``(B, D)`` of the product of marginals: each dimension in an order of its own."""
    order = torch.rand(z.shape, generator=rng, device=z.device).argsort(0)
    return z.gather(0, order)
