"""A generator that computes few images at a time."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from ssavl.generators.around import Around
from ssavl.generators.protocol import Generator


@dataclass(frozen=True)
class InPieces(Around[Generator]):
    """The same function of latents, with the activations of at most ``size`` images in memory.

    Where a gradient is taken, each piece is computed a second time on the way back, so that this
    holds then too.
    """

    size: int

    def __call__(self, latents: Tensor) -> Tensor:
        """Images ``(B, C, H, W)`` in [0, 1] of latents ``(B, D)``."""
        if len(latents) <= self.size:
            return self.generator(latents)
        parts = latents.split(self.size)
        if torch.is_grad_enabled() and latents.requires_grad:
            return torch.cat([checkpoint(self.generator, p, use_reentrant=False) for p in parts])
        return torch.cat([self.generator(part) for part in parts])
