"""What figures are drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ssavl.engine.device import Compute
from ssavl.generators.protocol import Generator
from ssavl.models.inference import InferenceModel
from ssavl.runs.workspace import seed_everything


@dataclass
class Scene:
    """What figures are drawn from.

    Attributes:
        generator: frozen, on the device.
        models: inference models by name; may be empty.
        images: real images ``(N, C, H, W)`` of the split, or ``None``: then generated ones stand
            in.
        image_source: what a title says of them.
        logs: ``log.csv`` paths by model name, and ``gan``'s.
        columns: images per row.
        blocks: roles that a traversal walks along.
        gif: whether walks are animated as well.
        seed: of every draw; each figure starts from it, so it looks the same alone and among
            others.
    """

    generator: Generator
    models: Mapping[str, InferenceModel]
    images: Tensor | None
    image_source: str
    logs: Mapping[str, Path]
    columns: int
    blocks: tuple[str, ...]
    gif: bool
    seed: int
    compute: Compute

    def latents(self, n: int) -> Tensor:
        """``(n, D)`` prior draws, the same at each call."""
        return self.generator.draw(n, self.rng())

    def rng(self) -> torch.Generator:
        """A freshly seeded generator on the device."""
        return seed_everything(self.seed, self.compute)

    def decode(self, latents: Tensor) -> Tensor:
        """Latents ``(R, N, D)`` to images ``(R, N, C, H, W)``."""
        rows, columns, _ = latents.shape
        return self.generator(latents.flatten(0, 1)).unflatten(0, (rows, columns))

    def subjects(self, n: int) -> tuple[Tensor, str]:
        """``n`` images to encode ``(n, C, H, W)`` and what they are."""
        if self.images is not None:
            return self.images[:n].to(self.compute.device), self.image_source
        return self.generator(self.latents(n)), "generated images"
