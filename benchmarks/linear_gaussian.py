"""A stranger's generator with a known posterior: x = 1/2 + W z, orthogonal columns in W.
Nothing here imports ssavl.

With pixel noise of deviation s, p(z | x) = N(w . (x - 1/2) / (|w|^2 + s^2), s^2 / (|w|^2 + s^2)) in
each dimension.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

SIDE, LENGTH = 16, 0.8


class LinearGaussian(nn.Module):
    """Latents (B, 2) to images (B, 1, 16, 16):
    one goes from left to right, one from top to bottom.
    """

    def __init__(self) -> None:
        super().__init__()
        wave = torch.cos(math.pi * (torch.arange(SIDE) + 0.5) / SIDE)
        patterns = torch.stack([wave.expand(SIDE, SIDE), wave[:, None].expand(SIDE, SIDE)]).flatten(
            1
        )
        self.weight = nn.Parameter(LENGTH * patterns / patterns.norm(dim=1, keepdim=True))

    def forward(self, z: Tensor) -> Tensor:
        return (0.5 + z @ self.weight).view(-1, 1, SIDE, SIDE)

    def exact(self, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        """Mean (B, 2) and variance (2,) of the posterior, for pixel noise of this deviation."""
        precision = self.weight.square().sum(1) + sigma**2
        return (x.flatten(1) - 0.5) @ self.weight.T / precision, sigma**2 / precision


def make() -> nn.Module:
    """The factory: ``--gan benchmarks/linear_gaussian.py:make --latent-dim 2``."""
    return LinearGaussian()
