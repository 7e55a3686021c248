"""Which resolutions a convolutional network passes through.

Images are square; a network halves (or doubles) the side k times between the image and a base of 4
to 7 pixels, so 28 = 7 * 2^2, 32 = 4 * 2^3, 64 = 4 * 2^4 and 128 = 4 * 2^5 are all made by the same
classes.
"""

from __future__ import annotations

from dataclasses import dataclass

ImageShape = tuple[int, int, int]  # channels, height, width

MOST_PIXELS = 64  # on a side of what an encoder reads pixel by pixel
_WIDEST = 8  # channels stop growing at this multiple of the width


@dataclass(frozen=True)
class Layout:
    """Resolutions and channels for one image shape.

    Attributes:
        base: side of the smallest feature map in pixels, 4 to 7.
        channels: channels of the feature maps, from half the image's side down to ``base``.
    """

    base: int
    channels: tuple[int, ...]

    @property
    def features(self) -> int:
        """Size of the flattened smallest feature map."""
        return self.channels[-1] * self.base**2


def layout(image_shape: ImageShape, width: int) -> Layout:
    """The layout for ``(channels, height, width)`` images with ``width`` channels next to the
    image.

    Raises:
        ValueError: a size that no network here can make, with the nearest that one can.
    """
    _, height, side = image_shape
    if height != side:
        raise ValueError(
            f"images must be square, not {height} x {side}: prepare them with one image_size"
        )
    if not _possible(side):
        nearest = min((s for s in range(16, 1025) if _possible(s)), key=lambda s: abs(s - side))
        raise ValueError(
            f"no network makes images of {side} pixels (4..7 times 2, 4, 8, ...); "
            f"the nearest is {nearest}"
        )
    depth = next(k for k in range(2, 9) if 4 <= side / 2**k <= 7)
    channels = tuple(width * min(2**level, _WIDEST) for level in range(depth))
    return Layout(side >> depth, channels)


def stem_of(image_shape: ImageShape) -> int:
    """The side of the blocks of pixels that leave at most ``MOST_PIXELS`` of them on a side."""
    stem = 1
    while image_shape[1] / stem > MOST_PIXELS:
        stem *= 2
    return stem


def blocked(image_shape: ImageShape, stem: int) -> ImageShape:
    """The shape of images whose blocks of pixels are the channels of one.

    Raises:
        ValueError: blocks that do not divide the side.
    """
    channels, height, side = image_shape
    if height % stem or side % stem:
        raise ValueError(f"blocks of {stem} pixels do not divide images of {height} x {side}")
    return channels * stem**2, height // stem, side // stem


def _possible(side: int) -> bool:
    return any(side % 2**k == 0 and 4 <= side >> k <= 7 for k in range(2, 9))
