r"""Density ratios by logistic regression (Goodfellow et al. 2014; Sugiyama et al. 2012).

A score D that tells samples of a from samples of b by the logistic loss is in the optimum
:math:`D^* = \log a - \log b`: so a discriminator is an estimate of a log-ratio of densities, in
nats. GANs, FactorVAE, AAE, AVB, ALI, AS-VAE, VEEGAN and NCP-VAE stand on it.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus


def telling_apart(of_a: Tensor, of_b: Tensor) -> Tensor:
    """The discriminator's loss in nats, ``(B,)``, of its scores of samples of a and of b.

    At a = b the optimum is D = 0, at 2 log 2.
    """
    return softplus(-of_a) + softplus(of_b)


def passing_for_a(scores: Tensor) -> Tensor:
    """The loss of who makes samples that should be taken for a's, ``(B,)``, not saturating:
    -log of the probability that they are. For b's, hand minus the scores.
    """
    return softplus(-scores)
