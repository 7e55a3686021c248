"""Random numbers that do not depend on how work is cut into batches."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

# latents drawn at once, whatever the batch: a measurement must not depend on how it was batched
CHUNK = 250
OFFSET = 7919  # added to the seed: held-out latents are not those that training begins with
NUMBERS = 2**25  # of images that are held together, at most


def together(image_shape: tuple[int, int, int]) -> int:
    """Images that share one stretch of random numbers: of a shape always as many, whatever the
    batch size, so that neither memory nor speed decides what is drawn.
    """
    return max(1, min(CHUNK, NUMBERS // math.prod(image_shape)))


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
