"""Points of a sample that share the value of a factor:
how a factor is held fixed without drawing further images.

The points are independent draws, so those that share a value are draws with that factor fixed: a
batch of them has the distribution that the protocols ask for, and each point is encoded once,
however many batches it serves.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ssavl.errors import UserError
from ssavl.metrics.disentanglement.representation import Integers

CHUNK = 256  # batches at a time, so that memory stays flat


class Peers:
    """The points of a sample by the value of one factor.

    Args:
        classes: of the factor, ``(N,)``.
        name: of the factor.

    Raises:
        UserError: no two points share a value.
    """

    def __init__(self, classes: Integers, name: str) -> None:
        _, values, counts = np.unique(classes, return_inverse=True, return_counts=True)
        self.order = np.argsort(values, kind="stable")  # points, value by value
        self.counts = counts
        self.starts = np.cumsum(counts) - counts
        self.values = values[self.order]
        self.eligible = np.flatnonzero(counts[self.values] > 1)  # places in the order
        if not len(self.eligible):
            raise UserError(
                f"no two points share a value of the factor {name}: leave it out, or coarsen it"
            )

    def batches(self, n: int, size: int, rng: np.random.Generator) -> Iterator[Integers]:
        """``n`` batches ``(m, size or fewer)`` of different points that share a value,
        several of one width at a time.

        The value is that of a random point. Where fewer than ``size`` points share it, all of them
        are the batch.
        """
        drawn = self.values[self.eligible[rng.integers(len(self.eligible), size=n)]]
        values, counts = np.unique(drawn, return_counts=True)
        for value, wanted in zip(values, counts, strict=True):
            members = self.order[self.starts[value] : self.starts[value] + self.counts[value]]
            width = min(size, len(members))
            for start in range(0, wanted, CHUNK):
                count = min(CHUNK, wanted - start)
                yield np.stack(
                    [rng.choice(members, width, replace=False, shuffle=False) for _ in range(count)]
                )

    def pairs(self, shape: tuple[int, ...], rng: np.random.Generator) -> tuple[Integers, Integers]:
        """Pairs of different points that share a value, each of the two of this shape."""
        place = self.eligible[rng.integers(len(self.eligible), size=shape)]
        value = self.values[place]
        start, count = self.starts[value], self.counts[value]
        # The peers stand in a ring; a step of 1 to count - 1 along it never ends where it began.
        step = 1 + rng.integers(count - 1)
        other = start + (place - start + step) % count
        return self.order[place], self.order[other]
