"""A model that infers points, for tests of what a posterior without a density can do."""

from __future__ import annotations

from torch import Tensor

from ssavl.latents.space import LatentSpace
from ssavl.networks.encoder import Encoder


class Points:
    """A posterior that is points: no density."""

    def __init__(self, space: LatentSpace, points: Tensor) -> None:
        self.space, self.mode = space, points

    def rsample(self, temperature: float = 1.0, straight_through: bool = False) -> Tensor:
        return self.mode

    def sample(self) -> Tensor:
        return self.mode


class PointEncoder(Encoder):
    """An encoder that says where, and not how sure it is."""

    def posterior(self, x: Tensor) -> Points:  # type: ignore[override]
        return Points(self.space, super().posterior(x).mode)
