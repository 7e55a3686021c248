r"""Divergences of samples by kernels: MMD and dHSIC. No unit.

.. math:: MMD^2 = \mathbb E\, k(z, z') + \mathbb E\, k(u, u') - 2\, \mathbb E\, k(z, u)

is 0 where z and u have one law (Gretton et al. 2012). dHSIC (Pfister et al. 2018) is the MMD of a
joint law from the product of its parts: 0 where these are independent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

Kernel = Literal["gaussian", "inverse-multiquadric"]

SCALES = (
    0.1,
    0.2,
    0.5,
    1.0,
    2.0,
    5.0,
    10.0,
)  # of the inverse multiquadric (Tolstikhin et al. 2018)


def kernel(a: Tensor, b: Tensor, kind: Kernel) -> Tensor:
    """k(a_i, b_j) of points of D dimensions, ``(A, B)``.

    ``gaussian`` is exp(-|a - b|^2 / D), ``inverse-multiquadric`` the mean over seven scales s of
    C / (C + |a - b|^2), C = 2 D s.
    """
    squares = _squares(a, b)
    if kind == "gaussian":
        return (-squares / a.shape[-1]).exp()
    widths = [2 * a.shape[-1] * scale for scale in SCALES]
    return torch.stack([width / (width + squares) for width in widths]).mean(0)


def mmd(
    a: Tensor, b: Tensor, kind: Kernel = "inverse-multiquadric", unbiased: bool = True
) -> Tensor:
    """MMD^2 of samples ``(A, D)`` and ``(B, D)``, a scalar.

    Args:
        unbiased: leave each point's pair with itself out: 0 on average for equal laws, and so
            sometimes below 0. Else it is never below 0.
    """
    within = [_mean(kernel(own, own, kind), unbiased) for own in (a, b)]
    return within[0] + within[1] - 2 * kernel(a, b, kind).mean()


def dhsic(parts: Sequence[Tensor]) -> Tensor:
    """dHSIC of paired samples, ``(B, D)`` each, a scalar; biased, so never below 0.

    Gaussian kernels exp(-g |a - b|^2) whose width is the mean distance of two draws of N(0, I): of
    standard normal parts, as posteriors close to the prior have.
    """
    grams = torch.stack([(-_inverse_width(own) * _squares(own, own)).exp() for own in parts])
    joint = grams.prod(0).mean()
    product = grams.mean((1, 2)).prod()
    cross = grams.mean(2).prod(0).mean()
    return (joint + product - 2 * cross).clamp_min(0)


def _inverse_width(points: Tensor) -> float:
    size = points.shape[-1]
    distance = 2 * math.exp(math.lgamma((size + 1) / 2) - math.lgamma(size / 2))
    return 1 / (2 * distance**2)


def _squares(a: Tensor, b: Tensor) -> Tensor:
    return (a.unsqueeze(1) - b.unsqueeze(0)).square().sum(-1)


def _mean(gram: Tensor, unbiased: bool) -> Tensor:
    if not unbiased:
        return gram.mean()
    count = len(gram)
    return (gram.sum() - gram.diagonal().sum()) / (count * (count - 1))
