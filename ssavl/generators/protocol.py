"""What every generator is to the rest of the toolkit."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from ssavl.latents.space import LatentSpace


class Generator(Protocol):
    """A map from latents to images, ours or anyone's.

    Where a network is needed as well, to be moved or hashed, it is a
    :class:`ssavl.networks.generator.GeneratorNetwork`, which keeps this protocol.
    """

    @property
    def latent_space(self) -> LatentSpace:
        """The space of its input."""
        ...

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of its images."""
        ...

    def draw(self, n: int, rng: torch.Generator, /) -> Tensor:
        """Latents ``(n, latent_space.dim)`` that its images are made of: draws from its prior, on
        the device of ``rng``.
        """
        ...

    def __call__(self, latents: Tensor, /) -> Tensor:
        """Flat latents ``(B, latent_space.dim)`` to images ``(B, C, H, W)`` in [0, 1]."""
        ...
