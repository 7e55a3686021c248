"""Anyone's network as a :class:`~ssavl.generators.protocol.Generator`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ssavl.errors import UserError, first_line
from ssavl.generators import causes
from ssavl.generators.description import Description
from ssavl.latents.priors import Block
from ssavl.latents.space import LatentSpace
from ssavl.networks.generator import GeneratorNetwork

# what computes the same in any memory format, if there is nothing else around it
PLAIN = (
    nn.Sequential,
    nn.ConvTranspose2d,
    nn.Conv2d,
    nn.BatchNorm2d,
    nn.ReLU,
    nn.LeakyReLU,
    nn.Tanh,
    nn.Sigmoid,
    nn.Upsample,
)
PROBES = 4  # latents drawn to see what a network takes and gives


class ForeignGenerator(GeneratorNetwork):
    """A network behind flat latents and images in [0, 1].

    Args:
        network: maps latents of ``latent_shape`` (or, with ``separate``, one tensor per block) to
            images.
        space: of its latents.
        latent_shape: of one sample as the network takes it.
        output_range: of its images, mapped linearly to [0, 1].
        image_shape: channels, height, width.
        separate: whether the blocks are separate arguments, as in class-conditional networks.
        runner: what it was loaded as, for reports.
    """

    def __init__(
        self,
        network: nn.Module,
        space: LatentSpace,
        latent_shape: tuple[int, ...],
        output_range: tuple[float, float],
        image_shape: tuple[int, int, int],
        separate: bool,
        runner: str,
    ) -> None:
        super().__init__()
        self.network = network
        self.latent_space = space
        self.latent_shape = latent_shape
        self.output_range = output_range
        self.image_shape = image_shape
        self.separate = separate
        self.runner = runner
        # Code of one's own may view what a convolution gave, which channels last does not let it.
        plain = all(type(part) in PLAIN for part in network.modules())
        self.memory_format = torch.channels_last if plain else torch.preserve_format

    def forward(self, latents: Tensor) -> Tensor:
        low, high = self.output_range
        x = _call(self.network, self.latent_space, latents, self.latent_shape, self.separate)
        return (x.float() - low) / (high - low)

    def facts(self) -> dict[str, Any]:
        return {
            "kind": "foreign",
            "loaded as": self.runner,
            "latent shape": list(self.latent_shape),
            "output range": list(self.output_range),
        }

    def described(self) -> dict[str, Any]:
        return {
            "latents": self.latent_space.config,
            "latent_shape": None if self.separate else list(self.latent_shape),
            "separate": self.separate,
            "output_range": self.output_range,
        }


class Pinned(nn.Module):
    """A network that stays on the CPU: one that was traced there, and refuses other inputs."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Pinned:
        return self  # ``to`` and ``cuda`` of what holds it pass it by

    def forward(self, *latents: Tensor) -> Tensor:
        x: Tensor = self.network(*(part.cpu() for part in latents))
        return x.to(latents[0].device)


def adapt(network: nn.Module, described: Description, source: str, runner: str) -> ForeignGenerator:
    """Wrap a network; what the description leaves open is found by calling it on prior draws.

    Raises:
        UserError: no latent size to be found, latents that the network refuses, or something other
            than images.
    """
    space = described.latent_space() or _guess_space(network, described, source)
    shapes: list[tuple[int, ...]] = [(space.dim,), (space.dim, 1, 1)]
    if described.latent_shape:
        shapes = [tuple(described.latent_shape)]
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    latents = space.sample(PROBES, torch.Generator(device).manual_seed(0))
    failure = cause = ""
    for shape in shapes:
        try:
            with torch.no_grad():
                x = _call(network, space, latents, shape, described.separate)
        except Exception as error:  # whatever a stranger's network raises
            if not failure:  # the first shape is the likeliest: report its
                failure = first_line(error)
                cause = causes.of_error(error, network, space)
            continue
        if not _images(x):
            raise UserError(f"{source} gives no images but {causes.of_output(x, PROBES)}")
        output_range = described.output_range or _guess_range(x)
        image_shape = (x.shape[1], x.shape[2], x.shape[3])
        return ForeignGenerator(
            network, space, shape, output_range, image_shape, described.separate, runner
        ).to(device)
    raise UserError(
        f"{source} refuses latents of shape {' or '.join(str((PROBES, *s)) for s in shapes)} "
        f"({failure}): {cause}set --latent-dim or --latent-shape"
    )


def _images(x: object) -> bool:
    return (
        isinstance(x, Tensor)
        and not x.is_complex()
        and x.ndim == 4
        and len(x) == PROBES
        and x.shape[1] in (1, 3)
        and min(x.shape[2:]) > 1
    )


def _call(
    network: nn.Module, space: LatentSpace, latents: Tensor, shape: tuple[int, ...], separate: bool
) -> Tensor:
    own = latents.clone()  # a network may write into its input, and encoders learn from these
    if separate:
        return network(*space.split(own).values())
    return network(own.reshape(len(own), *shape))


def _guess_space(network: nn.Module, described: Description, source: str) -> LatentSpace:
    """One normal noise block as large as what the first weight takes."""
    if described.latent_shape:
        return LatentSpace([Block("noise", "noise", "normal", math.prod(described.latent_shape))])
    width = causes.first_width(network)
    if width is not None:
        return LatentSpace([Block("noise", "noise", "normal", width)])
    raise UserError(f"{source} does not show how large its latents are: set --latent-dim")


def _guess_range(x: Tensor) -> tuple[float, float]:
    """[0, 1], or [-1, 1] where values are negative;
    :func:`ssavl.generators.inspection.inspect` checks it.
    """
    return (-1.0, 1.0) if x.min() < 0 else (0.0, 1.0)
