"""Networks of vectors: layers of neurons, and the critics that are such."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from ssavl.networks.trunk import SLOPE, Trunk


def perceptron(sizes: Sequence[int]) -> nn.Sequential:
    """Linear layers between vectors of these sizes, leaky ReLU between two of them."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.LeakyReLU(SLOPE)]
    return nn.Sequential(*layers[:-1])


class LatentCritic(nn.Module):
    """Latents ``(B, dim)`` to scores ``(B,)``.

    Args:
        width, depth: of its hidden layers, and how many they are.
    """

    def __init__(self, dim: int, width: int, depth: int) -> None:
        super().__init__()
        self.width, self.depth = width, depth
        self.layers = perceptron([dim, *[width] * depth, 1])

    def forward(self, latents: Tensor) -> Tensor:
        return self.layers(latents).squeeze(-1).float()


class JointCritic(nn.Module):
    """Images ``(B, C, H, W)`` in [0, 1] and latents ``(B, dim)`` to scores ``(B,)`` of the pair.

    Args:
        trunk: reads the images.
        dim: of the latents.
        width: of its hidden layers: one for the latents alone, two for both.
    """

    def __init__(self, trunk: Trunk, dim: int, width: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.latents = perceptron([dim, width, width])
        self.both = perceptron([trunk.features + width, width, width, 1])

    def forward(self, x: Tensor, latents: Tensor) -> Tensor:
        read = nn.functional.leaky_relu(self.latents(latents), SLOPE)
        return self.both(torch.cat([self.trunk(x), read], dim=-1)).squeeze(-1).float()
