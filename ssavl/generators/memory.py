"""A generator as someone holds it in Python."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ssavl.errors import UserError
from ssavl.generators.description import Description
from ssavl.generators.foreign import ForeignGenerator, adapt
from ssavl.generators.load import load_generator
from ssavl.generators.source import GeneratorSource, Source, WeightsFile
from ssavl.networks.generator import GeneratorNetwork

NAME = "the network"

AnyGan = str | Path | Source | nn.Module | Callable[..., Any]


class Called(nn.Module):
    """A function from latents to images as a module without parameters."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *latents: Tensor) -> Tensor:
        return self.function(*latents)


def wrap(network: nn.Module | Callable[..., Any], described: Description) -> ForeignGenerator:
    """A frozen copy of a network, or a function, as a generator; the original stays as it is.

    Raises:
        UserError: a network that cannot be copied, latents that it refuses, or something other than
            images.
    """
    if isinstance(network, nn.Module):
        try:
            own: nn.Module = copy.deepcopy(network)
        except (RuntimeError, TypeError, NotImplementedError) as error:
            raise UserError(
                f"the network cannot be copied ({error!s:.120}), and ssavl freezes none that is "
                "not its own: pass a function that calls it"
            ) from None
    else:
        own = Called(network)
    generator = adapt(own.eval().float(), described, NAME, "a network in memory")
    return generator.requires_grad_(False)


def as_generator(gan: AnyGan, described: Description) -> GeneratorNetwork:
    """A frozen generator on the CPU, whatever it is held as.

    Raises:
        UserError: whatever keeps it from being one, with the way out.
    """
    if isinstance(gan, str | Path):
        gan = GeneratorSource(str(gan), described=described)
    if isinstance(gan, GeneratorSource | WeightsFile):
        return load_generator(gan)
    if isinstance(gan, GeneratorNetwork):
        return copy.deepcopy(gan).cpu().eval().requires_grad_(False)
    return wrap(gan, described)
