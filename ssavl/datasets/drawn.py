"""Images to train on, drawn from any that are there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssavl.datasets.factors import FactorImages, Integers
from ssavl.datasets.source import Chunk, Source
from ssavl.errors import UserError
from ssavl.params.stages import PrepareDataParams


@dataclass(frozen=True)
class Drawn:
    """Images with factors in another order: what a source of them takes from."""

    images: FactorImages
    order: Integers

    def __call__(self, start: int, stop: int) -> Chunk:
        return Chunk(self.images.take(self.order[start:stop]))


def drawn(
    images: FactorImages,
    params: PrepareDataParams,
    seed: int,
    label: str | None = None,
    classes: tuple[str, ...] = (),
) -> Source:
    """Images with factors to train on, shuffled by ``seed``.

    Args:
        images: of the prepared size.
        params: how many are drawn, and what share of these makes the test split.
        label: the factor that is the class of an image; without, there are no classes.
        classes: names of its values.

    Raises:
        UserError: a limit beyond the data.
    """
    order = images.draw(limited(len(images), params.limit), np.random.default_rng(seed))
    labels = None
    if label is not None:
        column = [factor.name for factor in images.factors].index(label)
        labels = images.classes(order)[:, column]
    return Source(
        params.dataset,
        images.image_shape,
        (len(order),),
        Drawn(images, order),
        labels,
        classes,
        params.test_fraction,
    )


def limited(count: int, limit: int | None) -> int:
    """How many of the images that there are shall be drawn.

    Raises:
        UserError: fewer than two, or more than there are.
    """
    if limit is not None and not 2 <= limit <= count:
        raise UserError(f"prepare-data.limit = {limit}: between 2 and {count} images can be drawn")
    return limit or count


def shares(parts: tuple[int, ...], limit: int | None) -> tuple[int, ...]:
    """How many images of each split there are where all together are limited: in proportion, and
    at least one of each.

    Raises:
        UserError: as :func:`limited`.
    """
    total = limited(sum(parts), limit)
    if total == sum(parts):
        return parts
    found = [max(1, round(total * part / sum(parts))) for part in parts]
    return (max(1, total - sum(found[1:])), *found[1:])


def shuffled(parts: tuple[int, ...], limit: int | None, seed: int) -> list[NDArray[np.int64]]:
    """Places in each of several splits that follow one another, shuffled, as many as
    :func:`shares` says.

    Raises:
        UserError: as :func:`limited`.
    """
    rng = np.random.default_rng(seed)
    starts = np.cumsum([0, *parts[:-1]])
    counts = shares(parts, limit)
    return [
        start + rng.permutation(part)[:count]
        for start, part, count in zip(starts, parts, counts, strict=True)
    ]
