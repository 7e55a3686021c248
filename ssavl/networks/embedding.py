"""An embedding of images, in which neighbours are alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssavl.networks.config import EmbeddingConfig, told
from ssavl.networks.layout import ImageShape
from ssavl.networks.trunk import Trunk


class Embedding(nn.Module):
    """Images ``(B, C, H, W)`` in [0, 1] to unit vectors ``(B, size)``.

    One hidden layer stands between trunk and vector, so that the trunk keeps more of an image than
    the loss on the vectors asks for (Chen et al. 2020, section 4.2).

    It remembers which images it was trained on, and what they were sorted into. Another image then
    belongs to the cluster of its neighbours (:meth:`sort`).

    Args:
        size: of a vector.
        count: how many images it is trained on.
        neighbours: how many vote on the cluster of another image.

    Attributes:
        labels: clusters ``(count,)`` of the training images, in their order.
        means: their mean pixels ``(count,)``, by which the same images are known again.
    """

    labels: Tensor
    means: Tensor

    def __init__(self, trunk: Trunk, size: int, count: int, neighbours: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.size, self.neighbours = size, neighbours
        self.register_buffer("labels", torch.zeros(count, dtype=torch.int64))
        self.register_buffer("means", torch.zeros(count))
        self.projection = nn.Sequential(
            nn.Linear(trunk.features, trunk.features),
            nn.LeakyReLU(0.2),
            nn.Linear(trunk.features, size),
        )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Embedding:
        """The untrained embedding that :attr:`config` describes."""
        own = told(EmbeddingConfig, config, "the embedding's config")
        return cls(Trunk.told(own), own.size, own.count, own.neighbours)

    @property
    def config(self) -> dict[str, Any]:
        """Plain data that rebuilds the network, for checkpoint files."""
        return {
            **self.trunk.config,
            "size": self.size,
            "count": len(self.labels),
            "neighbours": self.neighbours,
        }

    @property
    def image_shape(self) -> ImageShape:
        """Channels, height and width of the images that it reads."""
        return self.trunk.image_shape

    def features(self, x: Tensor) -> Tensor:
        """Unit vectors ``(B, trunk.features)`` that neighbours are found by."""
        return F.normalize(self.trunk(x).float(), dim=-1)

    def knows(self, means: Tensor) -> bool:
        """Whether these are the mean pixels ``(N,)`` of the images that it was trained on."""
        return means.shape == self.means.shape and torch.allclose(means, self.means, atol=1e-5)

    def sort(self, x: Tensor, known: Tensor) -> Tensor:
        """The cluster ``(B,)`` that the neighbours of each image ``(B, C, H, W)`` are in, by the
        sum of their cosines.

        Args:
            known: :meth:`features` of the training images, in their order.
        """
        cosines, near = (self.features(x) @ known.T).topk(min(self.neighbours, len(known)), dim=1)
        votes = cosines.new_zeros(len(x), int(self.labels.max()) + 1)
        return votes.scatter_add_(1, self.labels[near], cosines).argmax(1)

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(self.projection(self.trunk(x)).float(), dim=-1)
