"""Prior draws, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

# latents drawn at once, whatever the batch: a measurement must not depend on how it was batched
CHUNK = 250


def draws(
    draw: Callable[[int, torch.Generator], Tensor], n: int, size: int, rng: torch.Generator
) -> Iterator[Tensor]:
    """``n`` prior draws in batches ``(size or less, D)``, the same draws whatever the size.

    They are those that ``ssavl sample`` makes images of, at its default batch size.

    Args:
        draw: a generator's, or a space's ``sample``.
    """
    for start in range(0, n, CHUNK):
        yield from draw(min(CHUNK, n - start), rng).split(size)
