"""Single values that somebody passes, checked as parameters are."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from ssavl.errors import UserError

Kind = TypeVar("Kind")

SEEDS = 2**31 - 1


def whole(name: str, value: Any, least: int = 0, most: int | None = None) -> int:
    """A whole number.

    Raises:
        UserError: something else, or one out of range.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or number < least or (most is not None and number > most):
        limits = f"{least} or more" if most is None else f"from {least} to {most}"
        raise UserError(f"{name} = {value!r:.80}: a whole number is needed, {limits}")
    return number


def weight(name: str, value: Any) -> float:
    """A finite number, 0 or more.

    Raises:
        UserError: something else.
    """
    number = value if isinstance(value, int | float) else math.nan
    if not 0 <= number < math.inf:
        raise UserError(f"{name} = {value!r:.80}: a number is needed, 0 or more")
    return float(number)


def choice(name: str, value: Any, known: Sequence[str]) -> str:
    """One of some words.

    Raises:
        UserError: another.
    """
    if not isinstance(value, str) or value not in known:
        raise UserError(f"{name} {value!r:.80} is unknown: {', '.join(known)}")
    return value


def instance(name: str, value: Any, kind: type[Kind], example: str) -> Kind:
    """A value of one type.

    Raises:
        UserError: of another, with an example of what is meant.
    """
    if not isinstance(value, kind):
        raise UserError(f"{name} = {value!r:.80}: give {example}")
    return value


def place(name: str, value: Any) -> Path:
    """A folder or a file, there or not.

    Raises:
        UserError: something else.
    """
    if not isinstance(value, str | os.PathLike):
        raise UserError(f"{name} = {value!r:.80}: give the path of a folder or a file")
    return Path(value)
