"""An embedding of images, in which neighbours are alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssavl.networks.layout import ImageShape
from ssavl.networks.trunk import Trunk


class Embedding(nn.Module):
    """Images ``(B, C, H, W)`` in [0, 1] to unit vectors ``(B, size)``.

    One hidden layer stands between trunk and vector, so that the trunk keeps more of an image than
    the loss on the vectors asks for (Chen et al. 2020, section 4.2).

    Once clusters are found in it, it keeps the protocol ``Clusterer``: an image belongs to the
    centre that is nearest to its vector.

    Args:
        size: of a vector.
        categories: how many clusters.
        temperature: of :meth:`probabilities`; the one that the embedding was trained by.

    Attributes:
        centres: unit vectors ``(categories, size)``; zero before clusters are found.
    """

    centres: Tensor

    def __init__(self, trunk: Trunk, size: int, categories: int, temperature: float) -> None:
        super().__init__()
        self.trunk = trunk
        self.temperature = temperature
        self.register_buffer("centres", torch.zeros(categories, size))
        self.projection = nn.Sequential(
            nn.Linear(trunk.features, trunk.features),
            nn.LeakyReLU(0.2),
            nn.Linear(trunk.features, size),
        )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Embedding:
        """The untrained embedding that :attr:`config` describes."""
        trunk = Trunk(tuple(config["image_shape"]), config["width"], config["features"])
        return cls(trunk, config["size"], config["categories"], config["temperature"])

    @property
    def config(self) -> dict[str, Any]:
        """Plain data that rebuilds the network, for checkpoint files."""
        categories, size = self.centres.shape
        return {
            "image_shape": list(self.trunk.image_shape),
            "width": self.trunk.width,
            "features": self.trunk.features,
            "size": size,
            "categories": categories,
            "temperature": self.temperature,
        }

    @property
    def image_shape(self) -> ImageShape:
        """Channels, height and width of the images that it reads."""
        return self.trunk.image_shape

    def probabilities(self, x: Tensor) -> Tensor:
        """``(B, categories)`` of images ``(B, C, H, W)``: the softmax of cosines over the
        temperature.
        """
        return torch.softmax(self(x) @ self.centres.T / self.temperature, dim=-1)

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(self.projection(self.trunk(x)).float(), dim=-1)
