"""Images as people hold them in Python, as one batch."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ssavl.errors import UserError
from ssavl.images.resize import fit

Pictures = Tensor | NDArray[Any] | Image.Image | Sequence[Any]


def as_batch(images: Pictures, image_shape: tuple[int, int, int]) -> Tensor:
    """Images as a tensor ``(N, C, H, W)``, uint8 or floats, where they were.

    Args:
        images: a tensor or an array ``(N, C, H, W)``, ``(N, H, W, C)``, or of grey ``(N, H, W)``; a
            PIL image; or a sequence of PIL images or of single images ``(C, H, W)``. Tensors and
            arrays have the right size; of PIL images the largest centred square is resampled. There
            may be none.
        image_shape: channels, height, width.

    Raises:
        UserError: something else.
    """
    if isinstance(images, Image.Image):
        images = [images]
    if not isinstance(images, Tensor | np.ndarray):
        images = _joined(images, image_shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # an array that is read-only: nobody writes
        x = torch.as_tensor(images).detach()
    if x.ndim == 3 and image_shape[0] == 1:
        x = x[:, None]
    channels, height, width = image_shape
    if x.ndim == 4 and tuple(x.shape[1:]) == (height, width, channels) != image_shape:
        x = x.movedim(-1, 1)
    if x.ndim != 4 or tuple(x.shape[1:]) != image_shape:
        needed = ", ".join(map(str, image_shape))
        raise UserError(f"images are {tuple(x.shape)}; (N, {needed}) is needed")
    return x


def shape_of(images: Pictures) -> tuple[int, int, int]:
    """Channels, height and width of images whose size nothing else says.

    Raises:
        UserError: no image, or something else.
    """
    if isinstance(images, Image.Image):
        images = [images]
    if not isinstance(images, Tensor | np.ndarray):
        if not len(images):
            raise UserError("there is no image to learn from")
        first = images[0]
        if isinstance(first, Image.Image):
            side = min(first.size)
            return (1 if first.mode in ("1", "L", "I", "F") else 3, side, side)
        images = torch.as_tensor(first)[None]
    sizes = tuple(images.shape)
    if len(sizes) == 3:
        return (1, sizes[1], sizes[2])
    if len(sizes) == 4 and sizes[1] in (1, 3):
        return (sizes[1], sizes[2], sizes[3])
    if len(sizes) == 4 and sizes[3] in (1, 3):
        return (sizes[3], sizes[1], sizes[2])
    raise UserError(f"images are {sizes}; (N, 1 or 3, H, W) is needed")


def _joined(images: Sequence[Any], image_shape: tuple[int, int, int]) -> Tensor:
    """Single images as one tensor."""
    channels, size, _ = image_shape
    found = []
    for image in images:
        if isinstance(image, Image.Image):
            found.append(torch.from_numpy(np.array(fit(image, size, channels))))
        elif isinstance(image, Tensor | np.ndarray):
            found.append(torch.as_tensor(image))
        else:
            raise UserError(
                f"images hold a {type(image).__name__}: give tensors, arrays or PIL images"
            )
    if not found:
        return torch.zeros(0, *image_shape)
    if len({(own.dtype, own.shape) for own in found}) > 1:
        raise UserError("images are of several shapes or kinds of numbers: give one of each")
    return torch.stack(found)


def as_floats(images: Tensor) -> Tensor:
    """Images as float32 in [0, 1].

    Raises:
        UserError: floats that leave [0, 1], or other numbers.
    """
    if images.dtype == torch.uint8:
        return images.float() / 255
    if not images.dtype.is_floating_point:
        raise UserError(f"images are {images.dtype}: give floats in [0, 1], or uint8")
    if images.numel():
        low, high = torch.aminmax(images)
        if not (low >= 0 and high <= 1):  # so, and not low < 0 or high > 1: NaN fails too
            raise UserError("images leave [0, 1]: divide by 255, or give uint8")
    # what the caller made in inference mode has no place in our gradients: its copy has
    return images.clone().float() if images.is_inference() else images.float()
