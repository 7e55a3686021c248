"""Convolutions that halve a side, and transposed ones that double it: 4 x 4, stride 2, padding 1.

Between an image of few channels and a feature map, a CPU's libraries have no fast way back from the
map to the image (measured: a fourteenth of the speed of the way forth). It has one as four
interleaved images, one for each parity of row and column: an output pixel meets only four of the
sixteen weights, so all four images come from one 2 x 2 convolution without a stride.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.grad import conv2d_weight

from ssavl.networks.bilinear import Bilinear, back, forth, plain

KERNEL, STRIDE, PADDING = 4, 2, 1
LAST = torch.channels_last
CACHED = 2**18  # numbers of a map that is copied while it is warm
SMALL = 2**21  # multiplications times four
FEW = 4  # channels of images; from there on libraries are as fast, but for
NARROW, SHORT = 16, 8  # so many channels, next to a map of so few rows


class Strided(Bilinear):
    """The convolution as three maps: images ``(B, C, 2 H, 2 W)``, feature maps ``(B, O, H, W)`` and
    weights ``(O, C, 4, 4)``.
    """

    def forth(self, x: Tensor, w: Tensor, bias: Tensor | None = None) -> Tensor:
        if x.shape[1] == 1:
            # Weights of one channel have both formats at once, and the strides of one are slow.
            w = w.flatten(1).view(len(w), 1, KERNEL, KERNEL)
            y = _empty(x, (len(x), len(w), x.shape[2] // STRIDE, x.shape[3] // STRIDE))
            for own, into in _few(x, y):
                into.copy_(F.conv2d(own, w, bias, STRIDE, PADDING))
            return y
        return F.conv2d(x.contiguous(memory_format=LAST), w, bias, STRIDE, PADDING)

    def back(self, y: Tensor, w: Tensor) -> Tensor:
        channels, (batch, _, height, width), parities = w.shape[1], y.shape, _parities(w)
        if channels == 1 or height <= SHORT:
            x = _empty(y, (batch, channels, 2 * height, 2 * width))
            for own, into in _few(y, x):
                found = F.conv2d(own, parities, padding=1).contiguous(memory_format=LAST)
                _interleave(found, into.permute(0, 2, 3, 1))
            return x
        found = F.conv2d(y, parities, padding=1).unflatten(1, (2, 2, channels))
        x = y.new_empty(batch, channels, height, 2, width, 2)
        for p in range(2):
            for q in range(2):
                own = found[:, 1 - p, 1 - q, :, p : p + height, q : q + width]
                x[:, :, :, p, :, q] = own
        return x.view(batch, channels, 2 * height, 2 * width)

    def outer(self, x: Tensor, y: Tensor) -> Tensor:
        maps, channels = y.shape[1], x.shape[1]
        if channels == 1:
            y = y.contiguous()
        elif channels < FEW:  # three channels take twice as long as four
            x = F.pad(x, (0, 0, 0, 0, 0, FEW - channels)).contiguous(memory_format=LAST)
        w = conv2d_weight(x, (maps, x.shape[1], KERNEL, KERNEL), y, STRIDE, PADDING)
        return w[:, :channels].contiguous() if x.shape[1] > channels else w


def _parities(w: Tensor) -> Tensor:
    """Weights ``(O, C, 4, 4)`` as those of four convolutions, ``(4 C, O, 2, 2)``.

    Row 2 i + 1 - p of an image meets two rows of the map alone, by the weights 2 + p and p of a
    column: for each p, and as well q of columns, the four of sixteen weights that a pixel meets.
    """
    maps, channels = w.shape[:2]
    if channels == 1:
        w = w.contiguous()
    by_parity = w.unflatten(3, (2, 2)).unflatten(2, (2, 2)).permute(3, 5, 1, 0, 2, 4)
    return by_parity.flip(4, 5).reshape(4 * channels, maps, 2, 2)


def _empty(like: Tensor, size: tuple[int, ...]) -> Tensor:
    return torch.empty(size, dtype=like.dtype, device=like.device, memory_format=LAST)


def _few(x: Tensor, y: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """As many images at a time, and what becomes of them, as stay in a processor's cache: what is
    computed and then copied should still be there.
    """
    parts = -(-max(x.numel(), y.numel()) // CACHED)
    size = -(-len(x) // parts)
    return zip(x.split(size), y.split(size), strict=True)


def _interleave(found: Tensor, into: Tensor) -> None:
    """Write four images, as groups of channels ``(B, 4 C, H + 1, W + 1)`` in channels last, as one
    ``(B, 2 H, 2 W, C)``.

    Pixel (2 i + p, 2 j + q) stands in group (1 - p, 1 - q) at (i + p, j + q): a place that is
    linear in all of i, p, j and q, so that one copy does it.
    """
    (batch, _, rows, columns), channels = found.shape, into.shape[-1]
    column, row = 4 * channels, 4 * channels * columns
    down, across = 2 * channels, channels  # from one group to the next
    size = (batch, rows - 1, 2, columns - 1, 2, channels)
    strides = (row * rows, row, row - down, column, column - across, 1)
    view = found.as_strided(size, strides, found.storage_offset() + down + across)
    into.view(size).copy_(view)


STRIDED = Strided()


class Halving(nn.Conv2d):
    """Images or feature maps ``(B, C, 2 H, 2 W)`` to ``(B, O, H, W)``."""

    def __init__(self, channels: int, maps: int) -> None:
        super().__init__(channels, maps, KERNEL, STRIDE, PADDING)

    def forward(self, x: Tensor) -> Tensor:
        if not torch.is_grad_enabled():
            return self._alone(x) if self._small(x) else super().forward(x)
        if not _slow(x.shape[2] // STRIDE, x, self.in_channels):
            return super().forward(x)
        return forth(STRIDED, x, self.weight, self.bias)

    def _alone(self, x: Tensor) -> Tensor:
        """Of one small image: the call of a large library takes longer than to compute it."""
        size, stride, padding = [KERNEL] * 2, [STRIDE] * 2, [PADDING] * 2
        return torch.ops.aten.thnn_conv2d(x, self.weight, size, self.bias, stride, padding)

    def _small(self, x: Tensor) -> bool:
        if plain() or len(x) != 1 or x.device.type != "cpu":
            return False
        exact = x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
        return exact and self.weight.numel() * x[0, 0].numel() < SMALL

    def pulled_back(self, y: Tensor) -> Tensor:
        """The transpose of its linear part, from ``(B, O, H, W)`` to ``(B, C, 2 H, 2 W)``."""
        if _slow(y.shape[2], y, self.in_channels):
            return back(STRIDED, y, self.weight)
        return F.conv_transpose2d(y, self.weight, None, STRIDE, PADDING)


class Doubling(nn.ConvTranspose2d):
    """Feature maps ``(B, O, H, W)`` to feature maps or images ``(B, C, 2 H, 2 W)``."""

    def __init__(self, maps: int, channels: int, bias: bool = True) -> None:
        super().__init__(maps, channels, KERNEL, STRIDE, PADDING, bias=bias)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        if output_size is not None or not _slow(x.shape[2], x, self.out_channels):
            return super().forward(x, output_size)
        y = back(STRIDED, x, self.weight)
        return y if self.bias is None else y + self.bias.view(-1, 1, 1)


def _slow(rows: int, x: Tensor, channels: int) -> bool:
    """Whether a library is slow between an image of so many channels and a map of so many rows."""
    if plain() or x.device.type != "cpu":
        return False
    exact = x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    return channels < FEW or (exact and channels <= NARROW and rows <= SHORT)
