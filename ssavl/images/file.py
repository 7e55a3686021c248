"""Image files, one at a time."""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from PIL import Image, UnidentifiedImageError

from ssavl.images.array import Images
from ssavl.images.picture import BACKGROUND, is_grey
from ssavl.images.resize import fit

UNREADABLE = (  # what Pillow raises for files that are cut, damaged, or no images
    *(OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError),
    *(struct.error, zlib.error, EOFError, LookupError, TypeError, OverflowError, MemoryError),
)


@dataclass(frozen=True)
class Picture:
    """A file's first picture.

    Attributes:
        pixels: uint8 ``(channels, size, size)``.
        stored: width, height and colour of what the file holds, in words.
        alone: whether the file holds no other frame or page.
    """

    pixels: Images
    stored: str
    alone: bool


def shown(path: Path) -> str:
    """A path as text that every file and terminal takes, whatever bytes its name has."""
    return os.fsencode(path).decode(errors="backslashreplace")


def decode(
    path: Path | IO[bytes],
    size: int,
    channels: int,
    background: str = BACKGROUND,
    crop: int | None = None,
) -> Picture:
    """A file's first picture as it is meant: the largest centred square, resampled.

    Args:
        background: under transparent pixels.
        crop: side of the centred square, in pixels of the file; where the picture is smaller, the
            largest.

    Raises:
        OSError, ValueError, ...: one of ``UNREADABLE``, what Pillow says of a file that is cut, is
            no image, has pixels without a known range, or is a decompression bomb.
    """
    with warnings.catch_warnings():
        # Pillow only warns between one and two times its pixel limit; a bomb is refused from the
        # first pixel over.
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(path) as image:
                stored = f"{image.width} x {image.height} {'grey' if is_grey(image) else 'colour'}"
                # the other pictures of an MPO are a camera's previews of the same
                alone = image.format == "MPO" or not getattr(image, "is_animated", False)
                image.seek(0)
                return Picture(fit(image, size, channels, background, crop), stored, alone)
        except Image.DecompressionBombWarning as warning:
            raise Image.DecompressionBombError(str(warning)) from None
