"""A network that sees two images at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssavl.networks.trunk import Trunk


class PairReader(nn.Module):
    """Pairs of images ``(B, C, H, W)`` in [0, 1] to logits ``(B, answers)``.

    Args:
        trunk: for images of 2 C channels, since a pair is read as one image.
    """

    def __init__(self, trunk: Trunk, answers: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = nn.Linear(trunk.features, answers)

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        return self.head(self.trunk(torch.cat([x, other], dim=1))).float()
