"""What a picture means, whichever way its file says it: upright, opaque, eight bits.

Pillow gives pixels as they are stored. A camera stores them as the sensor lies and says in EXIF how
to hold them; a scan has 16 bits; a drawing has colours under full transparency. Every reader of
pictures goes through :func:`as_meant`, so that all of them see what a viewer shows. Colour profiles
are not applied: pixels are taken as sRGB.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageOps

BACKGROUND = "white"  # under transparent pixels, as on paper
GREY = ("1", "L", "LA", "La", "I", "F")  # and I;16 in each of its forms

BITS_PER_SAMPLE, PHOTOMETRIC, WHITE_IS_ZERO = 258, 262, 0  # of TIFF
FULL_INTEGERS = ("PNG", "PPM")  # their mode I is 16 bits wide, whatever the file's own depth


def is_grey(image: Image.Image) -> bool:
    """Whether a picture has no colour."""
    return image.mode in GREY or image.mode.startswith("I;")


def as_meant(image: Image.Image, background: str = BACKGROUND) -> Image.Image:
    """A picture's first frame as a viewer shows it, of mode ``L`` or ``RGB``.

    Turned as its EXIF says; integers of up to 16 bits and floats in [0, 1] scaled to eight bits;
    transparent pixels laid over the background.

    Args:
        background: a colour that Pillow knows: a name, ``#rrggbb``, ``rgb(...)``.

    Raises:
        ValueError: pixels whose range nothing says, EXIF that cannot be read, a colour space that
            cannot be converted.
        OSError: a file that is cut.
    """
    grey = is_grey(image)
    alpha: Image.Image | None = None
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        image, alpha = _eight_bits(image)
    if alpha is not None:
        image.putalpha(alpha)
    image = _upright(image)
    if image.has_transparency_data:
        image = _opaque(image, background)
    return image.convert("L") if grey else image.convert("RGB")


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except (struct.error, SyntaxError, TypeError, KeyError, IndexError, OverflowError) as error:
        raise ValueError(f"its EXIF cannot be read ({str(error)[:80]})") from None


def _opaque(image: Image.Image, background: str) -> Image.Image:
    if image.mode in ("La", "RGBa"):  # colours are multiplied by alpha: undo that first
        image = image.convert({"La": "LA", "RGBa": "RGBA"}[image.mode])
    image = image.convert("RGBA")
    canvas = Image.new("RGBA", image.size, (*ImageColor.getrgb(background)[:3], 255))
    canvas.alpha_composite(image)
    return canvas.convert("RGB")


def _eight_bits(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Deep grey as ``L``, and where its file names one value transparent, alpha."""
    values = np.asarray(image)
    if image.mode == "F":
        pixels = _of_floats(values)
    else:
        tags = getattr(image, "tag_v2", {})
        top = _top(image, tags, values)
        pixels = np.rint(values.astype(np.float64) * (255 / top)).astype(np.uint8)
        if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
            pixels = 255 - pixels
    clear = image.info.get("transparency")
    alpha = None
    if isinstance(clear, int):
        alpha = Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8))
    grey = Image.fromarray(pixels)
    grey.info = {name: own for name, own in image.info.items() if name != "transparency"}
    if exif := image.getexif():
        grey.info["exif"] = exif.tobytes()
    return grey, alpha


def _top(image: Image.Image, tags: object, values: NDArray[np.integer]) -> int:
    """The value that means white."""
    if image.mode == "I" and image.format not in FULL_INTEGERS:
        raise ValueError("32-bit integers have no known range: give 8 or 16 bits")
    bits = tags.get(BITS_PER_SAMPLE, (16,)) if hasattr(tags, "get") else (16,)
    top = (1 << int(bits[0])) - 1
    if values.min() < 0 or values.max() > top:
        raise ValueError(f"integers from {values.min()} to {values.max()} leave [0, {top}]")
    return int(top)


def _of_floats(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    low, high = values.min(), values.max()
    if not (low >= 0 and high <= 1):  # so NaN fails too
        raise ValueError(f"floats from {low:g} to {high:g} have no known range: give [0, 1]")
    return np.rint(values * 255).astype(np.uint8)
