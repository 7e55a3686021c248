"""Colours by name."""

from __future__ import annotations

from typing import Annotated

from PIL import ImageColor
from pydantic import AfterValidator


def colour(text: str) -> str:
    """A colour as it is.

    Raises:
        ValueError: text that is no colour, or an endless one.
    """
    try:
        ImageColor.getrgb(text)
    except ValueError:
        raise ValueError(
            f"{text[:40]!r} is no colour: write a name such as black, or #rrggbb"
        ) from None
    return text


Colour = Annotated[str, AfterValidator(colour)]
