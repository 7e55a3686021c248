"""Layers by three maps: linear in input and in weights, differentiable to any order.

Of a map y = f(x, w), linear in each, the derivatives are two more such maps: back, from y and w to
x, and outer, from x and y to w. Their own derivatives are these three again. So who has a faster
way for one of the three says it once, and first and second derivatives take it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.jit._trace import is_tracing


class Bilinear(ABC):
    """The three maps; each is computed without gradients of its own."""

    @abstractmethod
    def forth(self, x: Tensor, w: Tensor, bias: Tensor | None = None) -> Tensor:
        """y = f(x, w), with a number added to each of its channels."""

    @abstractmethod
    def back(self, y: Tensor, w: Tensor) -> Tensor:
        """The x with <x, x'> = <y, f(x', w)> for every x'."""

    @abstractmethod
    def outer(self, x: Tensor, y: Tensor) -> Tensor:
        """The w with <w, w'> = <y, f(x, w')> for every w'."""


def forth(maps: Bilinear, x: Tensor, w: Tensor, bias: Tensor | None = None) -> Tensor:
    """``maps.forth``, differentiable in all; in float32 under autocast too."""
    return _exact(_Forth, maps, x, w, bias)


def back(maps: Bilinear, y: Tensor, w: Tensor) -> Tensor:
    """``maps.back``, differentiable in both; in float32 under autocast too."""
    return _exact(_Back, maps, y, w)


def plain() -> bool:
    """Whether a compiler, an exporter or ``torch.func`` watches: these want PyTorch's layers."""
    transformed: bool = torch._C._are_functorch_transforms_active()
    return transformed or torch.compiler.is_compiling() or is_tracing()


def _exact(
    function: type[Function], maps: Bilinear, first: Tensor, w: Tensor, *bias: Tensor | None
) -> Tensor:
    device = first.device.type
    if not torch.is_autocast_enabled(device):
        return function.apply(maps, first, w, *bias)
    with torch.autocast(device, enabled=False):
        return function.apply(maps, first.float(), w.float(), *bias)


class _Forth(Function):
    @staticmethod
    def forward(
        ctx: Any, maps: Bilinear, x: Tensor, w: Tensor, bias: Tensor | None = None
    ) -> Tensor:
        ctx.maps = maps
        ctx.save_for_backward(x, w)
        return maps.forth(x, w, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (x, w), (y,) = ctx.saved_tensors, gradients
        _, of_x, of_w, *of_bias = ctx.needs_input_grad
        others = [0, *range(2, y.ndim)]  # than the channels
        return (
            None,
            _Back.apply(ctx.maps, y, w) if of_x else None,
            _Outer.apply(ctx.maps, x, y) if of_w else None,
            *(y.sum(others) if of else None for of in of_bias),
        )


class _Back(Function):
    @staticmethod
    def forward(ctx: Any, maps: Bilinear, y: Tensor, w: Tensor) -> Tensor:
        ctx.maps = maps
        ctx.save_for_backward(y, w)
        return maps.back(y, w)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (y, w), (x,) = ctx.saved_tensors, gradients
        _, of_y, of_w = ctx.needs_input_grad
        return (
            None,
            _Forth.apply(ctx.maps, x, w) if of_y else None,
            _Outer.apply(ctx.maps, x, y) if of_w else None,
        )


class _Outer(Function):
    @staticmethod
    def forward(ctx: Any, maps: Bilinear, x: Tensor, y: Tensor) -> Tensor:
        ctx.maps = maps
        ctx.save_for_backward(x, y)
        return maps.outer(x, y)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (x, y), (w,) = ctx.saved_tensors, gradients
        _, of_x, of_y = ctx.needs_input_grad
        return (
            None,
            _Back.apply(ctx.maps, y, w) if of_x else None,
            _Forth.apply(ctx.maps, x, w) if of_y else None,
        )
