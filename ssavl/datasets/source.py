"""What a reader hands over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ssavl.images.array import Images


@dataclass(frozen=True)
class Source:
    """A data set before preparation, training images first.

    Attributes:
        name: as in ``params.yaml``.
        shape: (C, H, W) that every image of :attr:`images` has.
        counts: images of the training and the test split, in this order.
        images: yields each image once, uint8 ``(C, H, W)``.
        labels: class of each image, or ``None``.
        classes: names of the classes; empty when there are no labels.
        unreadable: files that were passed over, with the reason; filled before the first image.
        notes: what else a person should know of how they were read, a line each.
    """

    name: str
    shape: tuple[int, int, int]
    counts: tuple[int, int]
    images: Callable[[], Iterator[Images]]
    labels: NDArray[np.int64] | None
    classes: tuple[str, ...]
    unreadable: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
