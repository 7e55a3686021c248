"""A classifier of the data set at hand: the judge of images where no larger network is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ssavl.networks.config import ClassifierConfig, told
from ssavl.networks.layout import ImageShape
from ssavl.networks.trunk import Trunk


class Classifier(nn.Module):
    """Images ``(B, C, H, W)`` in [0, 1] to logits ``(B, classes)``: a trunk, then one linear layer.

    What the trunk gives are the features that fidelity is measured in, as Inception's last layer
    but one.
    """

    def __init__(self, trunk: Trunk, classes: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = nn.Linear(trunk.features, classes)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Classifier:
        """The untrained classifier that :attr:`config` describes."""
        own = told(ClassifierConfig, config, "the classifier's config")
        return cls(Trunk.told(own), own.classes)

    @property
    def config(self) -> dict[str, Any]:
        """Plain data that rebuilds the network, for checkpoint files."""
        return {**self.trunk.config, "classes": self.head.out_features}

    @property
    def image_shape(self) -> ImageShape:
        """Channels, height and width of the images that it reads."""
        return self.trunk.image_shape

    def features(self, x: Tensor) -> Tensor:
        """Features ``(B, trunk.features)`` of images ``(B, C, H, W)`` in [0, 1]."""
        return self.trunk(x).float()

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.trunk(x)).float()

    def probabilities(self, x: Tensor) -> Tensor:
        """Class probabilities ``(B, classes)`` of images ``(B, C, H, W)`` in [0, 1]."""
        return self(x).softmax(-1)
