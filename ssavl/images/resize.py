"""Cutting images to one size and one number of channels."""

from __future__ import annotations

import numpy as np
from PIL import Image

from ssavl.images.array import Images


def fit(image: Image.Image, size: int, channels: int) -> Images:
    """A PIL image as uint8 ``(channels, size, size)``:
    the largest centred square, resampled (Lanczos).

    Raises:
        ValueError: pixels whose range nothing says.
    """
    if image.mode.startswith("I;16"):  # Pillow would cut them at 255
        image = Image.fromarray(
            (np.asarray(image).astype(np.uint32) * 255 // 65535).astype(np.uint8)
        )
    elif image.mode in ("I", "F"):
        raise ValueError(f"pixels of mode {image.mode} have no known range: give 8 or 16 bits")
    image = image.convert("L" if channels == 1 else "RGB")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    if (side, side) != image.size:
        image = image.crop((left, top, left + side, top + side))
    if side != size:
        image = image.resize((size, size), Image.Resampling.LANCZOS)
    array = np.asarray(image, dtype=np.uint8)
    return array[None] if channels == 1 else np.ascontiguousarray(array.transpose(2, 0, 1))


def fit_array(image: Images, size: int, channels: int) -> Images:
    """The same for a grey uint8 array ``(H, W)``; the array itself where nothing changes."""
    if channels == 1 and image.shape == (size, size):
        return image[None]
    return fit(Image.fromarray(image), size, channels)
