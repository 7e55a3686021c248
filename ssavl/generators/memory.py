"""A generator as someone holds it in Python."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ssavl.errors import UserError, first_line
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
    own = _copy(network) if isinstance(network, nn.Module) else Called(network)
    generator = adapt(own, described, NAME, "a network in memory")
    return generator.requires_grad_(False)


@torch.no_grad()
def _copy(network: nn.Module) -> nn.Module:
    """A network's copy in evaluation mode, on the CPU.

    Raises:
        UserError: it cannot be copied.
    """
    # torch copies no tensor of a graph, such as the weight of the older weight_norm
    held = [own for module in network.modules() for own in vars(module).values()]
    graph = [own for own in held if isinstance(own, Tensor) and not own.is_leaf]
    try:
        own = copy.deepcopy(network, {id(tensor): tensor.detach().clone() for tensor in graph})
        with contextlib.suppress(NotImplementedError):  # an exported program has no modes
            own.eval()
        return own.to("cpu").float()
    except Exception as error:  # whatever a stranger's __deepcopy__ raises
        raise UserError(
            f"the network cannot be copied ({first_line(error)}), and ssavl freezes none that is "
            "not its own: pass a function that calls it"
        ) from None


def as_generator(gan: AnyGan, described: Description) -> GeneratorNetwork:
    """A frozen generator on the CPU, whatever it is held as.

    Raises:
        UserError: whatever keeps it from being one, with the way out.
    """
    if isinstance(gan, type) or not (
        callable(gan) or isinstance(gan, str | Path | GeneratorSource | WeightsFile)
    ):
        kind = f"the class {gan.__name__}" if isinstance(gan, type) else f"a {type(gan).__name__}"
        raise UserError(
            f"{kind} is no generator: give an nn.Module, a function from latents to images, a file "
            "or a GeneratorSource"
        )
    if isinstance(gan, str | Path):
        gan = GeneratorSource(str(gan), described=described)
    if isinstance(gan, GeneratorSource | WeightsFile):
        return load_generator(gan)
    if isinstance(gan, GeneratorNetwork):
        said = described.latent_space()
        if said is not None and said.config != gan.latent_space.config:
            raise UserError(f"its latents are {gan.latent_space!r}, not {said!r}: say nothing")
        return copy.deepcopy(gan).cpu().eval().requires_grad_(False)
    return wrap(gan, described)
