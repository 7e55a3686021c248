"""Picture files of known factors; a combination may be missing, or have many images."""

from __future__ import annotations

import numpy as np

from ssavl.datasets.factors import Factor, FactorImages, Integers
from ssavl.datasets.pictures import Pictures
from ssavl.errors import UserError
from ssavl.images.array import Images


class FactorFiles(FactorImages):
    """Picture files and the classes of their factors ``(N, F)``."""

    def __init__(
        self, name: str, pictures: Pictures, factors: tuple[Factor, ...], classes: Integers
    ) -> None:
        self.name = name
        self.factors = factors
        self.image_shape = pictures.shape
        self._pictures = pictures
        self._classes = classes
        self._first: dict[tuple[int, ...], int] = {}
        for place, combination in enumerate(map(tuple, classes.tolist())):
            self._first.setdefault(combination, place)

    def __len__(self) -> int:
        return len(self._classes)

    def classes(self, index: Integers) -> Integers:
        return self._classes[index]

    def locate(self, factors: Integers) -> Integers:
        places = [self._first.get(tuple(row)) for row in factors.tolist()]
        if None in places:
            raise UserError(
                f"{self.name} has no image with the factors "
                f"{tuple(factors[places.index(None)].tolist())}"
            )
        return np.array(places, dtype=np.int64)

    def take(self, index: Integers) -> Images:
        return np.stack([self._pictures.one(place) for place in index.tolist()])
