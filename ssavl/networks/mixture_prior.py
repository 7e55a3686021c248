"""A mixture of Gaussians as prior, each moved by another latent (Dilokthanakul et al. 2016)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributions import Normal

from ssavl.latents.priors import LOG_VARIANCE


class MixturePrior(nn.Module):
    """p(z | w, d): K Gaussians ``(B, K, D)`` with independent dimensions, of latents w ``(B, W)``.

    Args:
        moving: W.
        size: D.
        components: K.
        hidden: neurons of the one layer between.
    """

    def __init__(self, moving: int, size: int, components: int, hidden: int) -> None:
        super().__init__()
        self.size, self.components, self.hidden = size, components, hidden
        self.layers = nn.Sequential(
            nn.Linear(moving, hidden), nn.Tanh(), nn.Linear(hidden, 2 * components * size)
        )

    def forward(self, w: Tensor) -> Normal:
        """All K, over single dimensions."""
        found = self.layers(w).float().unflatten(-1, (self.components, 2 * self.size))
        mean, log_variance = found.chunk(2, dim=-1)
        deviation = (0.5 * log_variance.clamp(*LOG_VARIANCE)).exp()
        return Normal(mean, deviation, validate_args=False)


def component(mixture: Normal, d: Tensor) -> Normal:
    """The Gaussians ``(B, D)`` of categories ``(B, K)``, one-hot."""
    mean, deviation = ((d.unsqueeze(-1) * own).sum(1) for own in (mixture.loc, mixture.scale))
    return Normal(mean, deviation, validate_args=False)


def responsibilities(mixture: Normal, z: Tensor) -> Tensor:
    """log p(d | z, w) by Bayes, ``(B, K)``, of points z ``(B, D)`` and equal prior weights."""
    densities = mixture.log_prob(z.unsqueeze(1)).sum(-1)
    return torch.log_softmax(densities, -1)
