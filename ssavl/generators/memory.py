"""A generator that someone holds in memory."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from ssavl.errors import UserError
from ssavl.generators.description import Description
from ssavl.generators.foreign import ForeignGenerator, adapt

NAME = "the network"


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
