"""Which images of a source train and which test, when some of them cannot be read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ssavl.datasets.source import Source
from ssavl.errors import UserError


def split(source: Source, lost: Sequence[int], validation: int) -> dict[str, int]:
    """How many of the images that can be read are in which split.

    Args:
        lost: places of those that cannot.
        validation: how many of the last training images become the validation split.

    Raises:
        UserError: no image left to train on, or to test on.
    """
    ends = np.cumsum(source.parts)
    parts = np.diff(ends - np.searchsorted(np.sort(lost), ends), prepend=0).tolist()
    count = sum(parts)
    if source.test_fraction is not None:
        test = min(count - 1, max(1, round(source.test_fraction * count)))
        parts = [count - test, test]
    if count < 2 or not parts[0] or not parts[-1]:
        raise UserError(
            f"{source.name}: {count} of {len(source)} images can be read; "
            "at least 2 are needed, to train and to test"
        )
    train, *own, test = parts
    if own and validation:
        raise UserError(
            f"{source.name} has a validation split of its own, of {own[0]} images: set "
            "prepare-data.validation to 0"
        )
    if validation >= train:
        raise UserError(
            f"prepare-data.validation = {validation} leaves none of the {train} training images"
        )
    return {"train": train - validation, "validation": sum(own) + validation, "test": test}


def classified(
    source: Source, lost: Sequence[int]
) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Labels of the images that can be read, and names of the classes that these are of."""
    if source.labels is None or not len(lost):
        return source.labels, source.classes
    labels = np.delete(source.labels, lost)
    left = [name for name in np.unique(source.labels) if name in labels]
    number = np.zeros(len(source.classes), np.int64)
    number[left] = np.arange(len(left))
    return number[labels], tuple(source.classes[name] for name in left)
