"""Encoders with noise inside: posteriors of any shape, that nobody can write down."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ssavl.latents.implicit import Noisy
from ssavl.latents.space import LatentSpace
from ssavl.networks.config import NoisyEncoderConfig, told
from ssavl.networks.encoder import EncoderNetwork
from ssavl.networks.perceptron import perceptron
from ssavl.networks.point_encoder import as_latents
from ssavl.networks.trunk import Trunk


class NoisyEncoder(EncoderNetwork):
    """z = E(x, eps) (Mescheder et al. 2017): the trunk's features and Gaussian noise, then layers.

    Args:
        noise: dimensions of eps.
        width: neurons of each of two layers.
    """

    def __init__(self, trunk: Trunk, space: LatentSpace, noise: int, width: int) -> None:
        super().__init__()
        self.space = space
        self.image_shape = trunk.image_shape
        self.noise, self.width = noise, width
        self.trunk = trunk
        self.layers = perceptron([trunk.features + noise, width, width, space.dim])

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> NoisyEncoder:
        """The untrained encoder that :attr:`config` describes."""
        own = told(NoisyEncoderConfig, config, "an encoder's config")
        return cls(Trunk.told(own), own.latent_space, own.noise, own.neurons)

    @property
    def config(self) -> dict[str, Any]:
        """Plain data that rebuilds the network, for checkpoint files."""
        own = {"space": self.space.config, "noise": self.noise, "neurons": self.width}
        return {**self.trunk.config, **own}

    def read(self, features: Tensor, noise: Tensor) -> Tensor:
        """Latents ``(B, space.dim)`` of the trunk's features and noise ``(B, noise)``; of a
        category its probabilities.
        """
        return as_latents(self.layers(torch.cat([features, noise], -1)).float(), self.space)

    def posterior(self, x: Tensor) -> Noisy:
        """q(latents | x) for images ``(B, C, H, W)`` in [0, 1], by torch's own random numbers."""
        features = self.trunk(x)
        still = features.new_zeros(len(x), self.noise)
        return Noisy(self.space, partial(self.read, features), still)

    def mode(self, x: Tensor) -> Tensor:
        """Latents ``(B, space.dim)`` without noise; categories are one-hot."""
        return self.posterior(x).mode
