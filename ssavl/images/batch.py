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

from ssavl.errors import UserError, first_line
from ssavl.images.file import UNREADABLE
from ssavl.images.picture import is_grey
from ssavl.images.resize import fit

Pictures = Tensor | NDArray[Any] | Image.Image | Sequence[Any]

KINDS = "give a tensor, an array, a PIL image, or a list of these"


def as_batch(images: Pictures, image_shape: tuple[int, int, int]) -> Tensor:
    """Images as a tensor ``(N, C, H, W)``, uint8 or floats, where they were.

    Args:
        images: a tensor or an array ``(N, C, H, W)``, ``(N, H, W, C)``, or of grey ``(N, H, W)``;
            one image is that without N; a PIL image; or a sequence of single images. Tensors and
            arrays have the right size; of PIL images, upright and over white, the largest centred
            square is resampled. There may be none.
        image_shape: channels, height, width.

    Raises:
        UserError: something else.
    """
    images = _listed(images)
    x = _joined(images, image_shape) if isinstance(images, list) else _tensor(images)
    channels, height, width = image_shape
    grey = [(height, width)] if channels == 1 else []
    if tuple(x.shape) in (image_shape, (height, width, channels), *grey):
        x = x[None]
    if x.ndim == 3 and channels == 1:
        x = x[:, None]
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
    images = _listed(images)
    if not len(images):
        raise UserError("there is no image to learn from")
    if isinstance(images, list):
        first = images[0]
        if isinstance(first, Image.Image):
            side = min(first.size)
            return (1 if is_grey(first) else 3, side, side)
        images = _tensor(first)[None]
    sizes = tuple(_tensor(images).shape)
    if len(sizes) == 3:
        return (1, sizes[1], sizes[2])
    if len(sizes) == 4 and sizes[1] in (1, 3):
        return (sizes[1], sizes[2], sizes[3])
    if len(sizes) == 4 and sizes[3] in (1, 3):
        return (sizes[3], sizes[1], sizes[2])
    raise UserError(f"images are {sizes}; (N, 1 or 3, H, W) is needed")


def _listed(images: Any) -> Tensor | NDArray[Any] | list[Any]:
    """A tensor or an array as it is, anything else as a list.

    Raises:
        UserError: neither.
    """
    if isinstance(images, Tensor | np.ndarray):
        if not images.ndim:
            raise UserError(f"images are one number: {KINDS}")
        return images
    if isinstance(images, Image.Image):
        return [images]
    if not isinstance(images, Sequence) or isinstance(images, str | bytes | memoryview):
        raise UserError(f"images are a {type(images).__name__}: {KINDS}")
    return list(images)


def _tensor(image: Any) -> Tensor:
    """A tensor or an array as a tensor outside the caller's graph; memory is shared where torch
    can.

    Raises:
        UserError: something else, or numbers that torch has not.
    """
    if isinstance(image, np.ndarray):
        if image.dtype.kind not in "buif":
            raise UserError(f"images are {image.dtype}: give floats in [0, 1], or uint8")
        image = image.astype(image.dtype.newbyteorder("="), copy=False)
        if any(stride < 0 for stride in image.strides):
            image = image.copy()
        if image.dtype.itemsize > 8:
            image = image.astype(np.float64)
    elif not isinstance(image, Tensor):
        raise UserError(f"images hold a {type(image).__name__}: {KINDS}")
    elif image.layout is not torch.strided or image.is_meta or image.is_quantized:
        kind = "meta" if image.is_meta else str(image.layout if image.is_sparse else image.dtype)
        raise UserError(f"images are {kind} tensors: give dense ones")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # an array that is read-only: nobody writes
        return torch.as_tensor(image).detach()


def _joined(images: Sequence[Any], image_shape: tuple[int, int, int]) -> Tensor:
    """Single images as one tensor."""
    channels, size, _ = image_shape
    found = []
    for image in images:
        if isinstance(image, Image.Image):
            try:
                found.append(torch.from_numpy(np.array(fit(image, size, channels))))
            except UNREADABLE as error:
                raise UserError(f"a PIL image cannot be read: {first_line(error)}") from None
        else:
            found.append(_tensor(image))
    if not found:
        return torch.zeros(0, *image_shape)
    if len({(own.dtype, own.shape, own.device) for own in found}) > 1:
        raise UserError(
            "images are of several shapes, kinds of numbers or devices: give one of each"
        )
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
