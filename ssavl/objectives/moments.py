r"""Divergences of a batch from N(0, I) by its first two moments.

Of an aggregated posterior they follow from the law of total variance: mean :math:`m` of the means,
covariance :math:`S = \mathbb E[\mathrm{diag}\, s^2(x)] + \mathrm{Cov}[\mu(x)]`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Normal


def aggregated(posterior: Normal) -> tuple[Tensor, Tensor]:
    """Mean ``(D,)`` and covariance ``(D, D)`` of the mixture of posteriors ``(B, D)``."""
    mean = posterior.loc.mean(0)
    centred = posterior.loc - mean
    spread = centred.T @ centred / len(centred)
    return mean, spread + posterior.scale.square().mean(0).diag()


def wasserstein(mean: Tensor, covariance: Tensor) -> Tensor:
    r"""Squared Wasserstein-2 distance of N(m, S) from N(0, I), a scalar.

    :math:`|m|^2 + \mathrm{tr}(S + I - 2 S^{1/2})` (Dowson & Landau 1982). The root is by
    eigenvalues in float64, none below a millionth, where its slope would be infinite.
    """
    roots = torch.linalg.eigvalsh(covariance.double()).clamp_min(1e-6).sqrt()
    return (mean.double().square().sum() + (roots - 1).square().sum()).to(mean.dtype)


def wasserstein_diagonal(mean: Tensor, covariance: Tensor) -> Tensor:
    """The same without correlations: an upper bound of it where there are some."""
    deviation = covariance.diagonal().clamp_min(1e-6).sqrt()
    return mean.square().sum() + (deviation - 1).square().sum()


def diagonal_kl(codes: Tensor) -> Tensor:
    r"""KL(N(m, diag v) || N(0, I)) of the moments of codes ``(B, D)``, a scalar.

    In nats: :math:`\frac12 (v + m^2 - 1 - \log v)`, the mean over dimensions (Ulyanov et al. 2018,
    Eq. 14; the published code has the variance where a deviation belongs).
    """
    mean, variance = codes.mean(0), codes.var(0, unbiased=False).clamp_min(1e-8)
    return 0.5 * (variance + mean.square() - 1 - variance.log()).mean()
