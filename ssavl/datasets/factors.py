"""Images whose factors of variation are known: what disentanglement is measured on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssavl.errors import UserError
from ssavl.images.array import Images

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Factor:
    """One factor of variation.

    Attributes:
        values: what its classes 0, 1, ... stand for.
    """

    name: str
    values: tuple[float | str, ...]

    @property
    def size(self) -> int:
        """How many values it takes."""
        return len(self.values)


class FactorImages(ABC):
    """Images by index, and by the classes of their factors.

    Attributes:
        name: what reports call the data.
        factors: in the order of the columns of every factor array.
        image_shape: channels, height, width.
    """

    name: str
    factors: tuple[Factor, ...]
    image_shape: tuple[int, int, int]

    @abstractmethod
    def __len__(self) -> int:
        """How many images there are."""

    @abstractmethod
    def classes(self, index: Integers) -> Integers:
        """Classes of the factors ``(n, F)`` of the images at these places ``(n,)``."""

    @abstractmethod
    def locate(self, factors: Integers) -> Integers:
        """Places ``(n,)`` of images with these classes ``(n, F)``.
        Raises ``UserError`` where there is none.
        """

    @abstractmethod
    def take(self, index: Integers) -> Images:
        """The images at these places, uint8 ``(n, C, H, W)``, 0 to 255."""

    def draw(self, n: int, rng: np.random.Generator) -> Integers:
        """Places of ``n`` different images in random order; of all where there are no more."""
        return rng.choice(len(self), size=min(n, len(self)), replace=False).astype(np.int64)

    def sample_factors(self, n: int, rng: np.random.Generator) -> Integers:
        """Classes ``(n, F)`` of images drawn with replacement."""
        return self.classes(rng.integers(len(self), size=n))

    def images(self, factors: Integers) -> Images:
        """Images with these classes ``(n, F)``, uint8 ``(n, C, H, W)``.
        Raises ``UserError`` where there is none.
        """
        return self.take(self.locate(factors))


class FactorGrid(FactorImages):
    """Every combination of the factors once, the last factor fastest."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many values each factor takes."""
        return tuple(factor.size for factor in self.factors)

    def __len__(self) -> int:
        return int(np.prod(self.sizes))

    def classes(self, index: Integers) -> Integers:
        return np.stack(np.unravel_index(index, self.sizes), axis=1).astype(np.int64)

    def locate(self, factors: Integers) -> Integers:
        if factors.ndim != 2 or factors.shape[1] != len(self.sizes):
            raise UserError(f"factors are {factors.shape}; (n, {len(self.sizes)}) is needed")
        if (factors < 0).any() or (factors >= self.sizes).any():
            raise UserError(
                f"factors leave the sizes {self.sizes} of {self.name}: classes start at 0"
            )
        return np.ravel_multi_index(tuple(factors.T), self.sizes).astype(np.int64)
