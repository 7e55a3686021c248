"""An embedding of images, in which neighbours are alike."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from ssavl.networks.trunk import Trunk


class Embedding(nn.Module):
    """Images ``(B, C, H, W)`` in [0, 1] to unit vectors ``(B, size)``.

    One hidden layer stands between trunk and vector, so that the trunk keeps more of an image than
    the loss on the vectors asks for (Chen et al. 2020, section 4.2).
    """

    def __init__(self, trunk: Trunk, size: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.projection = nn.Sequential(
            nn.Linear(trunk.features, trunk.features),
            nn.LeakyReLU(0.2),
            nn.Linear(trunk.features, size),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(self.projection(self.trunk(x)).float(), dim=-1)
