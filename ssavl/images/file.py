"""Image files, one at a time."""

from __future__ import annotations

import warnings
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from ssavl.images.array import Images
from ssavl.images.resize import fit

EXTENSIONS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
UNREADABLE = (
    OSError,
    UnidentifiedImageError,
    ValueError,
    SyntaxError,
    Image.DecompressionBombError,
)


def image_files(root: Path) -> list[Path]:
    """Every file below ``root`` with an image's extension, at any depth, in order of name."""
    return sorted(
        path for path in root.rglob("*") if path.suffix.lower() in EXTENSIONS and path.is_file()
    )


def decode(path: Path, size: int, channels: int) -> Images:
    """A file as uint8 ``(channels, size, size)``: the largest centred square, resampled.

    Raises:
        OSError, ValueError, SyntaxError, Image.DecompressionBombError: one of ``UNREADABLE``, what
            Pillow says of a file that is cut, is no image, or is a decompression bomb.
    """
    with warnings.catch_warnings():
        # Pillow only warns between one and two times its pixel limit; a bomb is refused from the
        # first pixel over.
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(path) as image:
                return fit(image, size, channels)
        except Image.DecompressionBombWarning as warning:
            raise Image.DecompressionBombError(str(warning)) from None
