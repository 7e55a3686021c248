"""Classes of images that are known by name."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def numbered(names: Iterable[str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """The number of each image's class ``(N,)``, and the names of the classes in their order.

    Args:
        names: of the class of each image, one after another; they are not kept.
    """
    number: dict[str, int] = {}
    labels = np.fromiter((number.setdefault(name, len(number)) for name in names), np.int64)
    classes = tuple(sorted(number))
    order = np.zeros(len(classes), np.int64)
    order[[number[name] for name in classes]] = np.arange(len(classes))
    return order[labels], classes
