"""Prior draws, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ssavl.latents.space import LatentSpace

# latents drawn at once, whatever the batch: a measurement must not depend on how it was batched
CHUNK = 250


def draws(space: LatentSpace, n: int, size: int, rng: torch.Generator) -> Iterator[Tensor]:
    """``n`` prior draws in batches ``(size or less, space.dim)``, the same draws whatever the size.

    They are those that ``ssavl sample`` makes images of, at its default batch size.
    """
    for start in range(0, n, CHUNK):
        yield from space.sample(min(CHUNK, n - start), rng).split(size)
