r"""Observation models: ``log p(x | latents)`` given the decoded image.

``paper``: :math:`-\lVert x - \hat x \rVert^2`, what Table 4 and Figs. 9c, 18 of Ye & Bors 2024
plot: no normaliser and no :math:`1 / 2 \sigma^2`. ``gaussian``: a normalised density with a fixed
:math:`\sigma`. ``bernoulli``: pixels as probabilities of grey values in [0, 1] (a density only for
binary images, as the field uses it).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Normal

from ssavl.errors import UserError
from ssavl.params.arguments import choice, instance, weight
from ssavl.params.shared import LikelihoodParams

LikelihoodName = Literal["paper", "gaussian", "bernoulli"]

# of a pixel's variance: below it the Fisher information of a Bernoulli pixel grows without bound
BORDER = 1e-3


@dataclass(frozen=True)
class Likelihood:
    """``log p(x | x_hat)`` per sample.

    Attributes:
        name: ``paper``, ``gaussian`` or ``bernoulli``.
        sigma: standard deviation of a pixel in units of [0, 1]; for ``gaussian`` only.

    Raises:
        UserError: no such name, or no such deviation.
    """

    name: LikelihoodName = "paper"
    sigma: float = 0.1

    def __post_init__(self) -> None:
        choice("likelihood", self.name, get_args(LikelihoodName))
        weight("sigma", self.sigma)
        if not self.sigma:
            raise UserError("sigma = 0: a deviation is greater than 0")

    @classmethod
    def of(cls, params: LikelihoodParams) -> Likelihood:
        """That which the parameters name."""
        return cls(params.name, params.sigma)

    def __call__(self, x: Tensor, x_hat: Tensor) -> Tensor:
        """Nats per sample, shape ``(B,)``, summed over channels and pixels; images in [0, 1]."""
        x, x_hat = x.flatten(1), x_hat.flatten(1)
        match self.name:
            case "paper":
                return -(x - x_hat).square().sum(1)
            case "gaussian":
                return Normal(x_hat, self.sigma, validate_args=False).log_prob(x).sum(1)
            case "bernoulli":
                epsilon = torch.finfo(torch.float32).eps
                pixels = Bernoulli(probs=x_hat.clamp(epsilon, 1 - epsilon), validate_args=False)
                return pixels.log_prob(x).sum(1)

    def sample(self, x_hat: Tensor, rng: torch.Generator) -> Tensor:
        """Images drawn from ``p(x | x_hat)``, of the same shape;
        Gaussian noise leaves [0, 1], as it must.

        ``paper`` is a Gaussian's exponent with a variance of 1/2: what is drawn has that density,
        normalised.
        """
        if self.name == "bernoulli":
            return torch.bernoulli(x_hat.clamp(0, 1), generator=rng)
        deviation = self.sigma if self.name == "gaussian" else math.sqrt(0.5)
        return x_hat + deviation * torch.randn(x_hat.shape, generator=rng, device=x_hat.device)

    def curvature(self, x_hat: Tensor) -> Tensor:
        """Fisher information of each pixel's ``x_hat``, of its shape:
        how sharply the density tells it.
        """
        match self.name:
            case "paper":
                return torch.full_like(x_hat, 2.0)
            case "gaussian":
                return torch.full_like(x_hat, self.sigma**-2)
            case "bernoulli":
                return 1 / (x_hat * (1 - x_hat)).clamp(min=BORDER)


def bits_per_dimension(log_likelihood: Tensor, pixels: int) -> Tensor:
    """Nats of a density over [0, 1] pixels as bits per dimension of 8-bit images (Theis et al.
    2016).

    Args:
        log_likelihood: nats, any shape.
        pixels: channels times height times width.
    """
    return -(log_likelihood / pixels - math.log(256)) / math.log(2)


def observation(likelihood: Any) -> Likelihood:
    """The likelihood that somebody passes; the paper's for ``None``.

    Raises:
        UserError: something else.
    """
    given = Likelihood() if likelihood is None else likelihood
    return instance("likelihood", given, Likelihood, 'ssavl.Likelihood("gaussian", 0.1), say')
