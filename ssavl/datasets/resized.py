"""Images with known factors at another size, or in colour:
what encoders of other images can be measured on.
"""

from __future__ import annotations

import numpy as np

from ssavl.datasets.factors import FactorImages, Integers
from ssavl.images.array import Images
from ssavl.images.resize import fit_array


class Resized(FactorImages):
    """Images fitted to ``(channels, side, side)`` as they are taken (Lanczos)."""

    def __init__(self, images: FactorImages, image_shape: tuple[int, int, int]) -> None:
        self.original = images
        self.name = f"{images.name} at {image_shape[1]} pixels"
        self.factors = images.factors
        self.image_shape = image_shape

    def __len__(self) -> int:
        return len(self.original)

    def classes(self, index: Integers) -> Integers:
        return self.original.classes(index)

    def locate(self, factors: Integers) -> Integers:
        return self.original.locate(factors)

    def take(self, index: Integers) -> Images:
        channels, size, _ = self.image_shape
        return np.stack([fit_array(image, size, channels) for image in self.original.take(index)])


def fitted(images: FactorImages, image_shape: tuple[int, int, int]) -> FactorImages:
    """Images of a shape: themselves, where they have it."""
    return images if images.image_shape == image_shape else Resized(images, image_shape)
