"""Feature maps as vectors and back, each way in the memory format that is fast there.

Channels last is what convolutions are fast in; a vector has its numbers channel by channel,
whatever the format, since files hold weights in that order. A gradient that came back in another
format than its map would be multiplied with it number by number, thirty times as slowly.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function

from ssavl.networks.bilinear import plain


class Flat(nn.Flatten):
    """Feature maps ``(B, C, H, W)`` to vectors ``(B, C * H * W)``; the gradient comes back in the
    memory format of the maps.
    """

    def forward(self, x: Tensor) -> Tensor:
        if _last(x) and x.requires_grad and not plain():
            return _Flat.apply(x)
        return super().forward(x)


class Maps(nn.Unflatten):
    """Vectors to feature maps of a shape, channels last."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__(1, shape)

    def forward(self, x: Tensor) -> Tensor:
        x = super().forward(x)
        return x.contiguous(memory_format=torch.channels_last)


def unflat(vectors: Tensor, like: Tensor) -> Tensor:
    """Vectors as feature maps of the shape and the memory format of others."""
    if _last(like) and not plain():
        return _Unflat.apply(vectors, like.shape)
    return vectors.view_as(like)


def _last(x: Tensor) -> bool:
    return x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()


class _Flat(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.shape = x.shape
        return x.flatten(1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _Unflat.apply(gradients[0], ctx.shape)


class _Unflat(Function):
    @staticmethod
    def forward(ctx: Any, vectors: Tensor, shape: torch.Size) -> Tensor:
        return vectors.view(shape).contiguous(memory_format=torch.channels_last)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return _Flat.apply(gradients[0]), None
