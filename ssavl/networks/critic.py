"""The critic of the Wasserstein GAN."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssavl.networks.trunk import Trunk


class Critic(nn.Module):
    """Images ``(B, C, H, W)`` in [0, 1] to scores ``(B,)`` (the function D of Eq. 4, unbounded)."""

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self.trunk = trunk
        self.score = nn.Linear(trunk.features, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.score(self.trunk(x)).squeeze(-1).float()

    def gradient(self, x: Tensor) -> Tensor:
        """Of each score in its image, ``(B, C, H, W)``, differentiable in the weights."""
        with torch.no_grad():
            results = self.trunk.results(x)
        return self.trunk.pulled_back(results, self.score.weight.expand(len(x), -1)).float()
