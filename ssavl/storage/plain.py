"""Plain data as files hold them: text, numbers, truth values, nothing, lists and mappings.

Whatever describes something passes here before anybody looks at it. What comes out is finite, has a
depth and a number of entries that any reader can walk through, and text that can be printed and
name a file.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

from ssavl.errors import UserError, shown

DEPTH = 32  # levels of lists and mappings
ENTRIES = 200_000  # values in all; an alias counts wherever it stands
LONGEST = 100_000  # characters of a text
LARGEST = 2**63  # what a whole number stays below


def require_plain(value: Any, origin: object, kinds: tuple[type, ...] = ()) -> None:
    """Refuse a document that is not plain data.

    Args:
        origin: what holds it, for the message.
        kinds: other types that may stand in it, such as tensors.

    Raises:
        UserError: it is not, with the place.
    """
    waiting: list[tuple[tuple[Any, ...], Any]] = [((), value)]
    left = ENTRIES
    while waiting:
        place, own = waiting.pop()
        left -= 1
        if left < 0:
            raise UserError(f"{origin} holds more than {ENTRIES} values: nothing of ssavl does")
        if isinstance(own, kinds):
            continue
        entries: list[tuple[Any, Any]] = []
        if isinstance(own, Mapping):
            entries = list(own.items())
        elif isinstance(own, list | tuple):
            entries = list(enumerate(own))
        elif (fault := _fault(own)) is not None:
            where = f"{origin}: {_named(place)}" if place else origin
            raise UserError(f"{where} {fault}")
        if entries and len(place) >= DEPTH:
            raise UserError(f"{origin} is nested more than {DEPTH} deep, in {_named(place[:3])}")
        for key, inner in entries:
            if isinstance(own, Mapping):
                if not isinstance(key, str):
                    raise UserError(
                        f"{origin}: the name {shown(key)} in {_named(place)} is no text: put it in "
                        "quotes"
                    )
                if (fault := _fault(key)) is not None:
                    raise UserError(f"{origin}: a name in {_named(place)} {fault}")
            waiting.append(((*place, key), inner))


def _fault(value: Any) -> str | None:
    """What is wrong with a single value."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int):
        large = not -LARGEST <= value < LARGEST
        return "is a number of more than 64 bits" if large else None
    if isinstance(value, float):
        return None if math.isfinite(value) else f"= {value}: a finite number is needed"
    if isinstance(value, str):
        return _fault_of_text(value)
    return (
        f"is of the type {type(value).__name__}: text, numbers, lists and mappings alone are data "
        "here (text in quotes stays text)"
    )


def _fault_of_text(text: str) -> str | None:
    if len(text) > LONGEST:
        return f"is a text of {len(text)} characters, where {LONGEST} are the most"
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return f"= {shown(text)} is no text that could be written"
    return f"= {shown(text)} has a character of value 0" if "\0" in text else None


def _named(place: tuple[Any, ...]) -> str:
    return ".".join(str(key)[:80] for key in place) or "the whole"
