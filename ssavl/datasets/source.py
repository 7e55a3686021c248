"""What a reader hands over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ssavl.images.array import Images
from ssavl.images.notes import Notes


@dataclass(frozen=True)
class Chunk:
    """Some images of a source, one after another.

    Attributes:
        images: those that can be read, uint8 ``(n, C, H, W)``.
        lost: of those that cannot, their places in the source: each with its name, and why.
        notes: what was seen while pictures were decoded, if any were.
    """

    images: Images
    lost: dict[int, tuple[str, str]] = field(default_factory=dict)
    notes: Notes | None = None


NAMED = "set prepare-data.root, or --images of `evaluate disentanglement`"  # a root that is not

Take = Callable[[int, int], Chunk]


@dataclass(frozen=True)
class Source:
    """A data set before preparation, training images first.

    Attributes:
        name: as in ``params.yaml``.
        shape: (C, H, W) that every image has.
        parts: images of the training and the test split; of training, validation and test; or of
            all together, where ``test_fraction`` says how they are split.
        take: the images from one place up to another. Another process may call it, on a copy.
        labels: class of each image, or ``None``.
        classes: names of the classes; empty when there are no labels.
        test_fraction: share of the images that can be read which makes the test split.
        costly: whether ``take`` decodes files, which is worth several processes.
        mark: what tells the files from those of the same name at another time.
        notes: what a person should know of how they were read, a line each.
        seen: the same of files that are never opened, where there may be such.
    """

    name: str
    shape: tuple[int, int, int]
    parts: tuple[int, ...]
    take: Take
    labels: NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()
    test_fraction: float | None = None
    costly: bool = False
    mark: str = ""
    notes: tuple[str, ...] = ()
    seen: Notes | None = None

    def __len__(self) -> int:
        return sum(self.parts)

    @property
    def image_bytes(self) -> int:
        """Of one prepared image."""
        channels, height, width = self.shape
        return channels * height * width
