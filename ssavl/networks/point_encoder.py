"""Deterministic encoders: an image has one latent vector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ssavl.latents.point import Point
from ssavl.latents.space import LatentSpace
from ssavl.networks.config import EncoderConfig, told
from ssavl.networks.encoder import EncoderNetwork
from ssavl.networks.trunk import Trunk


class PointEncoder(EncoderNetwork):
    """One trunk and one linear head per block of ``space``; no density (BiGAN, AAE, AGE)."""

    def __init__(self, trunk: Trunk, space: LatentSpace) -> None:
        super().__init__()
        self.space = space
        self.image_shape = trunk.image_shape
        self.trunk = trunk
        self.heads = nn.ModuleDict({b.name: nn.Linear(trunk.features, b.dim) for b in space.blocks})

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> PointEncoder:
        """The untrained encoder that :attr:`config` describes."""
        own = told(EncoderConfig, config, "an encoder's config")
        return cls(Trunk.told(own), own.latent_space)

    @property
    def config(self) -> dict[str, Any]:
        """Plain data that rebuilds the network, for checkpoint files."""
        return {**self.trunk.config, "space": self.space.config}

    def forward(self, x: Tensor) -> Tensor:
        """Points ``(B, space.dim)`` of base space, a category's K logits, of images
        ``(B, C, H, W)`` in [0, 1].
        """
        features = self.trunk(x)
        return torch.cat([head(features) for head in self.heads.values()], dim=-1).float()

    def posterior(self, x: Tensor) -> Point:
        """The latents of images ``(B, C, H, W)`` in [0, 1], a category by its probabilities."""
        return Point(self.space, as_latents(self(x), self.space))

    def mode(self, x: Tensor) -> Tensor:
        """Latents ``(B, space.dim)``; categories are one-hot."""
        return self.posterior(x).mode


def as_latents(base: Tensor, space: LatentSpace) -> Tensor:
    """Points ``(B, space.dim)`` of base space, a category's as logits, as latents; of a category
    its probabilities.
    """
    parts = space.split(base)
    for block in space.blocks:
        own = parts[block.name]
        parts[block.name] = own.softmax(-1) if block.role == "category" else block.from_base(own)
    return space.join(parts)
