"""What disentanglement is measured on: a sample of points,
as a model codes them and as they were made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ssavl.errors import UserError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Bits = NDArray[np.bool_]

LEAST = 30  # points below which no metric says anything


@dataclass(frozen=True)
class Representation:
    """N points, D dimensions of a code, F factors.
    A category is one dimension, whatever its number of values.

    Attributes:
        values: ``(N, D)``; of a category the index of its likeliest value.
        categorical: ``(D,)``, which dimensions are categories.
        factors: ``(N, F)``, the class of each factor, from 0.
        kl: ``(D,)``, mean divergence of the posterior from the prior in nats, or ``None`` where
            there is no posterior.
        dimensions, names: of the code and of the factors.
    """

    values: Floats
    categorical: Bits
    factors: Integers
    kl: Floats | None
    dimensions: tuple[str, ...]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.values)

    def rows(self, index: Integers | slice) -> Representation:
        """Some of the points."""
        return replace(self, values=self.values[index], factors=self.factors[index])

    def varying(self, rows: slice) -> Representation:
        """The factors that take more than one value among these points;
        nothing can be said of the others.

        Raises:
            UserError: fewer than two do.
        """
        keep = np.array([len(np.unique(column)) > 1 for column in self.factors[rows].T])
        if keep.sum() < 2:
            raise UserError(
                f"{keep.sum()} of {len(keep)} factors vary over the points; "
                "disentanglement needs two"
            )
        names = tuple(name for name, kept in zip(self.names, keep, strict=True) if kept)
        return replace(self, factors=self.factors[:, keep], names=names)


def represent(
    codes: Floats,
    factors: Integers,
    kl: Floats | None = None,
    groups: Integers | None = None,
    dimensions: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
) -> Representation:
    """A representation from plain columns.

    Args:
        codes: ``(N, C)``, posterior means, and a column of probabilities (or of a one-hot vector)
            per category's value.
        factors: ``(N, F)``, any integers.
        kl: ``(C,)`` in nats, over the columns; a category's is the sum of its columns'.
        groups: ``(C,)``, 0 for a column that is a dimension of its own, else the number of the
            category it belongs to.
        dimensions: names ``(C,)`` of the columns; a category goes by that of its first.
        names: of the factors ``(F,)``.

    Raises:
        UserError: arrays that do not fit each other, codes that are not finite, too few points.
    """
    _require_points(codes, factors)
    count = codes.shape[1]
    if groups is None:
        groups = np.zeros(count, np.int64)
    if dimensions is None:
        dimensions = [f"code_{column}" for column in range(count)]
    if names is None:
        names = [f"factor_{column}" for column in range(factors.shape[1])]
    for what, entries in (("categories", groups), ("kl", kl)):
        if entries is not None and len(entries) != count:
            raise UserError(f"{what} has {len(entries)} entries for the {count} columns of codes")
    if len(dimensions) != count or len(names) != factors.shape[1]:
        raise UserError(
            f"{len(dimensions)} and {len(names)} names for {count} codes and {factors.shape[1]} "
            "factors"
        )
    columns, categorical = _columns(groups)
    values = [
        codes[:, members].argmax(1) if category else codes[:, members[0]]
        for members, category in zip(columns, categorical, strict=True)
    ]
    classes = np.stack([np.unique(column, return_inverse=True)[1] for column in factors.T], axis=1)
    return Representation(
        np.stack(values, axis=1).astype(np.float64),
        np.array(categorical),
        classes.astype(np.int64),
        None if kl is None else np.array([kl[members].sum() for members in columns]),
        tuple(dimensions[members[0]] for members in columns),
        tuple(names),
    )


def _require_points(codes: Floats, factors: Integers) -> None:
    if codes.ndim != 2 or factors.ndim != 2 or len(codes) != len(factors) or not codes.shape[1]:
        raise UserError(
            f"codes {codes.shape} and factors {factors.shape} do not fit: (N, D) "
            "and (N, F) are needed"
        )
    if len(codes) < LEAST:
        raise UserError(
            f"{len(codes)} points are too few to measure disentanglement; "
            f"at least {LEAST} are needed"
        )
    if not np.isfinite(codes).all():
        raise UserError("codes are not finite: leave out what the encoder could not code")


def _columns(groups: Integers) -> tuple[list[NDArray[np.intp]], list[bool]]:
    """The columns that make each dimension, and whether it is a category.

    A category stands where its first column stands.
    """
    columns: list[NDArray[np.intp]] = []
    categorical: list[bool] = []
    met: set[int] = set()
    for column, group in enumerate(groups.tolist()):
        if group == 0:
            columns.append(np.array([column]))
            categorical.append(False)
        elif group not in met:
            met.add(group)
            columns.append(np.flatnonzero(groups == group))
            categorical.append(True)
    return columns, categorical
