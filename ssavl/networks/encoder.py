"""Encoders: what all of them are, and the one of SS-AVL: a posterior's parameters from an image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ssavl.latents.posterior import Posterior
from ssavl.latents.space import Factorised, LatentSpace
from ssavl.networks.config import EncoderConfig, told
from ssavl.networks.layout import ImageShape
from ssavl.networks.trunk import Trunk


class EncoderNetwork(nn.Module):
    """A network that infers latents from images, in whatever way.

    Attributes:
        space: what it infers.
        image_shape: channels, height and width of the images that it reads.
    """

    space: LatentSpace
    image_shape: ImageShape

    def posterior(self, x: Tensor) -> Posterior:
        """q(blocks | x) for images ``(B, C, H, W)`` in [0, 1]."""
        raise NotImplementedError

    def mode(self, x: Tensor) -> Tensor:
        """Latents ``(B, space.dim)`` at the mode of q(blocks | x)."""
        raise NotImplementedError


class Encoder(EncoderNetwork):
    """One trunk and one linear head per block of ``space``.

    Over the blocks c and d it is the paper's code encoder q_omega(d, c | x) (section 6: one network
    but for the last layer), over z its noise encoder q_xi(z | x).
    """

    def __init__(self, trunk: Trunk, space: LatentSpace) -> None:
        super().__init__()
        self.space = space
        self.image_shape = trunk.image_shape
        self.trunk = trunk
        self.heads = nn.ModuleDict(
            {b.name: nn.Linear(trunk.features, b.parameter_size) for b in space.blocks}
        )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Encoder:
        """The untrained encoder that :attr:`config` describes."""
        own = told(EncoderConfig, config, "an encoder's config")
        return cls(Trunk.told(own), own.latent_space)

    @property
    def config(self) -> dict[str, Any]:
        """Plain data that rebuilds the network, for checkpoint files."""
        return {**self.trunk.config, "space": self.space.config}

    def forward(self, x: Tensor) -> Tensor:
        """Posterior parameters ``(B, space.parameter_size)`` of images ``(B, C, H, W)`` in
        [0, 1].
        """
        return self.read(self.trunk(x))

    def read(self, features: Tensor) -> Tensor:
        """The same, of the trunk's features ``(B, features)``."""
        return torch.cat([head(features) for head in self.heads.values()], dim=-1).float()

    def mode(self, x: Tensor) -> Tensor:
        """Latents ``(B, space.dim)`` at the mode of q(blocks | x)."""
        return self.space.mode(self(x))

    def posterior(self, x: Tensor) -> Factorised:
        """q(blocks | x) for images ``(B, C, H, W)`` in [0, 1]."""
        return self.space.posterior(self(x))
