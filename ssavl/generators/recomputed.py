"""A generator of which little is kept for the way back: its activations are computed again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ssavl.generators.around import Around
from ssavl.networks.generator import GeneratorNetwork

LEAVING = (nn.Linear, nn.modules.conv._ConvNd)  # they leave their input as it is


@dataclass(frozen=True)
class Recomputed(Around[GeneratorNetwork]):
    """The same function of latents, to the bit, forth and back.

    Where a gradient is taken, layers in a row keep only what stands before each linear layer,
    convolution or block, and compute the rest again on the way back, one stretch at a time. A
    network without such a row is computed again as a whole: its activations are there on the way
    back alone, but then all of them.

    Attributes:
        generator: frozen, in evaluation mode. It draws again what it drew, from torch's global
            generators.
    """

    def __call__(self, latents: Tensor) -> Tensor:
        """Images ``(B, C, H, W)`` in [0, 1] of latents ``(B, D)``."""
        if not (torch.is_grad_enabled() and latents.requires_grad):
            return self.generator(latents)
        rows = _rows(self.generator)
        if not rows:
            return _again(self.generator, latents)
        with _in_stretches(rows):
            return self.generator(latents)


def _again(part: nn.Module, x: Tensor) -> Tensor:
    computed: Tensor = checkpoint(part, x, use_reentrant=False)
    return computed


def _rows(module: nn.Module) -> list[nn.Sequential]:
    """Layers in a row with more than one place to begin again; none of them within another."""
    plain = type(module) is nn.Sequential and "forward" not in vars(module)
    if isinstance(module, nn.Sequential) and plain and len(_stretches(module)) > 1:
        return [module]
    found = [row for child in module.children() for row in _rows(child)]
    return list(dict.fromkeys(found))


def _stretches(row: nn.Sequential) -> list[nn.Sequential]:
    """Its layers in parts, each but perhaps the first from a linear layer, convolution or block
    on.
    """
    parts: list[list[nn.Module]] = [[]]
    for layer in row:
        if parts[-1] and (isinstance(layer, LEAVING) or any(layer.children())):
            parts.append([])
        parts[-1].append(layer)
    return [nn.Sequential(*part) for part in parts]


@contextmanager
def _in_stretches(rows: list[nn.Sequential]) -> Iterator[None]:
    """Have rows compute by stretches, within the block."""
    for row in rows:
        row.forward = partial(_by_stretches, row)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for row in rows:
            del row.forward  # that of its class is back


def _by_stretches(row: nn.Sequential, x: Tensor) -> Tensor:
    for part in _stretches(row):
        x = _again(part if isinstance(part[0], LEAVING) else _Sparing(part), x)
    return x


class _Sparing(nn.Module):
    """Layers that may write into what they are given, on a copy: it is needed a second time."""

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, x: Tensor) -> Tensor:
        computed: Tensor = self.layers(x.clone())
        return computed
