"""A clusterer with centres: how near to each an image's code is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ssavl.networks.config import StudentClustererConfig, told
from ssavl.networks.layout import ImageShape
from ssavl.networks.trunk import Trunk


class StudentClusterer(nn.Module):
    """Images ``(B, C, H, W)`` in [0, 1] to codes, and by their distances from centres to
    probabilities of clusters (Xie et al. 2016).

    Args:
        size: dimensions of a code.
        clusters: how many centres there are.
    """

    def __init__(self, trunk: Trunk, size: int, clusters: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.encoder = nn.Sequential(trunk, nn.Linear(trunk.features, size))
        self.centres = nn.Parameter(torch.zeros(clusters, size))

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> StudentClusterer:
        """The untrained network that :attr:`config` describes."""
        own = told(StudentClustererConfig, config, "the clusterer's config")
        return cls(Trunk.told(own), own.size, own.clusters)

    @property
    def config(self) -> dict[str, Any]:
        """Plain data that rebuilds the network, for checkpoint files."""
        clusters, size = self.centres.shape
        return {**self.trunk.config, "size": size, "clusters": clusters}

    @property
    def image_shape(self) -> ImageShape:
        """Channels, height and width of the images that it reads."""
        return self.trunk.image_shape

    def forward(self, x: Tensor) -> Tensor:
        """Codes ``(B, size)``."""
        return self.encoder(x).float()

    def probabilities(self, x: Tensor) -> Tensor:
        """Of the clusters, ``(B, clusters)``."""
        return soft_assignment(self(x), self.centres)


def soft_assignment(codes: Tensor, centres: Tensor) -> Tensor:
    """Probabilities ``(B, K)`` of centres ``(K, D)`` for codes ``(B, D)``, in proportion to
    1 / (1 + |code - centre|^2): Student's t (van der Maaten & Hinton 2008).
    """
    squares = (codes.unsqueeze(1) - centres.unsqueeze(0)).square().sum(-1)
    similar = 1 / (1 + squares)
    return similar / similar.sum(1, keepdim=True)
