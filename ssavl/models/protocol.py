"""What a fitted model can do. Who measures or draws asks, and writes null where it cannot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from ssavl.generators.protocol import Generator
from ssavl.latents.space import LatentSpace
from ssavl.objectives.elbo import Density
from ssavl.objectives.likelihood import Likelihood

__all__ = ["Clusterer", "Density", "Observed"]


@dataclass(frozen=True)
class Observed:
    """The usual :class:`Density`: a generator's image, seen through a likelihood."""

    generator: Generator
    likelihood: Likelihood

    @property
    def latent_space(self) -> LatentSpace:
        """The generator's."""
        return self.generator.latent_space

    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        """The generator's prior draws ``(n, latent_space.dim)``."""
        return self.generator.draw(n, rng)

    def log_prob(self, x: Tensor, latents: Tensor) -> Tensor:
        """log p(x | latents) in nats, ``(B,)``."""
        return self.likelihood(x, self.generator(latents))


@runtime_checkable
class Clusterer(Protocol):
    """Categories of images by themselves: no generator needs to read them."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the images that it reads."""
        ...

    def probabilities(self, x: Tensor) -> Tensor:
        """Probabilities ``(B, K)`` of the K categories, of images ``(B, C, H, W)`` in [0, 1]."""
        ...
