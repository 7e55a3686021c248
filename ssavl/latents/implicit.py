"""A posterior that can be drawn from, and no more: a black box with noise in it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ssavl.latents.point import Point
from ssavl.latents.space import TEMPERATURE, LatentSpace


class Implicit:
    """It keeps :class:`ssavl.latents.posterior.Posterior`, and is not ``Scored``.

    Args:
        space: of the blocks.
        draw: latents ``(B, space.dim)``, others at each call; of a category its probabilities.
        centre: those without noise, which stand for the whole.
    """

    def __init__(self, space: LatentSpace, draw: Callable[[], Tensor], centre: Tensor) -> None:
        self.space = space
        self.draw = draw
        self.centre = centre

    def rsample(self, temperature: float = TEMPERATURE, straight_through: bool = False) -> Tensor:
        """A differentiable draw ``(B, dim)``; categories as probabilities, or one-hot forth."""
        return Point(self.space, self.draw()).rsample(temperature, straight_through)

    @torch.no_grad()
    def sample(self) -> Tensor:
        """A draw ``(B, dim)``; categories are exactly one-hot."""
        return Point(self.space, self.draw()).mode

    @property
    def mode(self) -> Tensor:
        """Latents ``(B, dim)`` without noise; categories are exactly one-hot."""
        return Point(self.space, self.centre).mode


class Noisy(Implicit):
    """An implicit posterior whose noise can be chosen: z = E(x, eps).

    Args:
        read: from noise ``(B, noise)`` to latents ``(B, space.dim)``, of a category its
            probabilities.
        still: no noise, zeros of that shape.
    """

    def __init__(self, space: LatentSpace, read: Callable[[Tensor], Tensor], still: Tensor) -> None:
        super().__init__(space, lambda: read(torch.randn_like(still)), read(still))
        self.read = read
        self.still = still

    def at(self, noise: Tensor) -> Tensor:
        """Latents ``(B, dim)`` where each image has the same noise ``(noise,)``."""
        return self.read(noise.expand_as(self.still))
