"""A generator whose every density is known:
x = b + W u with orthogonal columns, u Gaussian in the base space.

With a Gaussian likelihood of deviation sigma, p(x) = N(b, W W^T + sigma^2 I), and the posterior
factorises over the dimensions because the columns are orthogonal: mean w_j . (x - b) / (|w_j|^2 +
sigma^2), variance sigma^2 / (|w_j|^2 + sigma^2).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from ssavl.latents.priors import Block
from ssavl.latents.space import Factorised, LatentSpace

IMAGE_SHAPE = (1, 3, 3)
SIGMA = 0.4


class LinearGaussian:
    """``x = 0.5 + W u`` over normal noise and a uniform code, 2 dimensions each;
    u is the code's base variable.
    """

    def __init__(self, noise_scale: float = 1.0, code_scale: float = 1.0) -> None:
        self.latent_space = LatentSpace(
            [Block("noise", "noise", "normal", 2), Block("code", "code", "uniform", 2)]
        )
        self.image_shape = IMAGE_SHAPE
        torch.manual_seed(1)
        orthogonal, _ = torch.linalg.qr(torch.randn(9, 4))
        lengths = torch.tensor(
            [0.9 * noise_scale, 0.5 * noise_scale, 0.7 * code_scale, 0.3 * code_scale]
        )
        self.w = orthogonal * lengths

    def __call__(self, latents: Tensor) -> Tensor:
        return (0.5 + self.latent_space.to_base(latents) @ self.w.T).unflatten(-1, IMAGE_SHAPE)

    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        """Latents ``(n, 4)``."""
        return self.latent_space.sample(n, rng)

    def pairs(self, n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
        """Latents ``(n, 4)`` and their images ``(n, 1, 3, 3)``, noise included."""
        rng = torch.Generator().manual_seed(seed)
        latents = self.latent_space.sample(n, rng)
        x = self(latents)
        return latents, x + SIGMA * torch.randn(x.shape, generator=rng)

    def sample(self, n: int, seed: int = 0) -> Tensor:
        """Draws ``(n, 1, 3, 3)`` from p(x)."""
        return self.pairs(n, seed)[1]

    def log_prob(self, x: Tensor) -> Tensor:
        """Exact log p(x) in nats, ``(B,)``."""
        covariance = self.w @ self.w.T + SIGMA**2 * torch.eye(9)
        return MultivariateNormal(torch.full((9,), 0.5), covariance).log_prob(x.flatten(1))

    def posterior(self, x: Tensor, spoil: float = 0.0) -> Factorised:
        """The exact posterior, or one with its means moved and variances scaled by ``spoil``."""
        precision = self.w.square().sum(0) + SIGMA**2
        mean = (x.flatten(1) - 0.5) @ self.w / precision + spoil
        log_variance = (SIGMA**2 / precision).log().expand_as(mean) + spoil
        parameters = torch.cat(
            [mean[:, :2], log_variance[:, :2], mean[:, 2:], log_variance[:, 2:]], dim=-1
        )
        return self.latent_space.posterior(parameters)
