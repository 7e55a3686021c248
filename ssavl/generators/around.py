"""A generator that is called in a way of its own: what all such ways share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

from ssavl.generators.protocol import Generator
from ssavl.latents.space import LatentSpace

Inner = TypeVar("Inner", bound=Generator, covariant=True)


@dataclass(frozen=True)
class Around(Generic[Inner]):
    """All of a generator but its call; with one, it keeps the protocol ``Generator``.

    Attributes:
        generator: that is called.
    """

    generator: Inner

    @property
    def latent_space(self) -> LatentSpace:
        """The generator's."""
        return self.generator.latent_space

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return self.generator.image_shape

    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        """The generator's prior draws ``(n, latent_space.dim)``."""
        return self.generator.draw(n, rng)
