"""Real images as a method sees them: the only door of data into :mod:`ssavl.methods`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Draws:
    """The training images, drawn with replacement.

    So there is no position in them to remember.

    Attributes:
        image_shape: channels, height, width.
        count: how many there are.
        take: images ``(n, C, H, W)`` in [0, 1] at positions ``(n,)``, on the device of these.
        batches: all of them in order, so many at a time, on the CPU.
        rng: what positions are drawn from.
        labels: their classes ``(count,)``, where there are any.
    """

    image_shape: tuple[int, int, int]
    count: int
    take: Callable[[Tensor], Tensor]
    batches: Callable[[int], Iterator[Tensor]]
    rng: torch.Generator
    labels: Tensor | None = None

    def index(self, n: int) -> Tensor:
        """Random positions ``(n,)``."""
        return torch.randint(self.count, (n,), generator=self.rng, device=self.rng.device)

    def real(self, n: int) -> Tensor:
        """Random images ``(n, C, H, W)`` in [0, 1]."""
        return self.take(self.index(n))

    def labelled(self, n: int) -> tuple[Tensor, Tensor]:
        """Random images, and their classes ``(n,)``.

        Raises:
            ValueError: there are no classes.
        """
        if self.labels is None:
            raise ValueError("the data have no labels, and this method learns from labels")
        index = self.index(n)
        return self.take(index), self.labels[index]
