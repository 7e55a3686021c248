"""Cutting images to one size and one number of channels."""

from __future__ import annotations

import numpy as np
from PIL import Image

from ssavl.images.array import Images
from ssavl.images.picture import BACKGROUND, as_meant


def fit(
    image: Image.Image,
    size: int,
    channels: int,
    background: str = BACKGROUND,
    crop: int | None = None,
) -> Images:
    """A picture, as it is meant, as uint8 ``(channels, size, size)``:
    the largest centred square, resampled (Lanczos).

    Args:
        background: under transparent pixels.
        crop: side of the centred square, where the picture is larger.

    Raises:
        ValueError, OSError: as :func:`~ssavl.images.picture.as_meant`.
    """
    return cut(as_meant(image, background), size, channels, crop)


def cut(image: Image.Image, size: int, channels: int, crop: int | None = None) -> Images:
    """The same of a picture of mode ``L`` or ``RGB`` that is as it is meant."""
    image = image.convert("L" if channels == 1 else "RGB")
    side = min(*image.size, crop or image.width)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    if (side, side) != image.size:
        image = image.crop((left, top, left + side, top + side))
    if side != size:
        image = image.resize((size, size), Image.Resampling.LANCZOS)
    array = np.asarray(image, dtype=np.uint8)
    return array[None] if channels == 1 else np.ascontiguousarray(array.transpose(2, 0, 1))


def fit_array(image: Images, size: int, channels: int) -> Images:
    """The same for a uint8 array, grey ``(H, W)`` or ``(C, H, W)``; the array itself where nothing
    changes.
    """
    image = image if image.ndim == 3 else image[None]
    if image.shape == (channels, size, size):
        return image
    if len(image) == 1:
        return cut(Image.fromarray(image[0]), size, channels)
    return cut(Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0))), size, channels)
