"""A generator of several components whose parts are mixed, and its encoders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Dirichlet, Normal

from ssavl.latents.implicit import Implicit
from ssavl.latents.priors import LOG_VARIANCE, Block
from ssavl.latents.space import LatentSpace
from ssavl.networks.config import ComponentEncodersConfig, MixingGeneratorConfig, told
from ssavl.networks.encoder import EncoderNetwork
from ssavl.networks.generator import ConvGenerator, GeneratorNetwork
from ssavl.networks.perceptron import perceptron
from ssavl.networks.trunk import Trunk

SMALLEST = 1e-4  # share of a component
MOST = 14.0  # the largest exponential number that float32 still tells after its way through exp


def component_space(components: int, size: int) -> LatentSpace:
    """Noise for each component, and what the shares are made of."""
    own = [Block(f"noise-{k + 1}", "noise", "normal", size) for k in range(components)]
    return LatentSpace([*own, Block("mixing", "code", "uniform", components)])


def shares_of(mixing: Tensor) -> Tensor:
    """Shares ``(B, K)`` that add up to 1, of uniform numbers on (-1, 1).

    Minus logarithms of uniform numbers on (0, 1) are exponential, and these over their sum are
    Dirichlet(1, ..., 1): all shares are equally likely.
    """
    exponential = -((1 + mixing) / 2).clamp(1e-7, 1 - 1e-7).log()
    return exponential / exponential.sum(-1, keepdim=True)


def mixing_of(shares: Tensor) -> Tensor:
    """Numbers on (-1, 1) that make these shares, of a typical size where that can be told."""
    return 2 * (-min(shares.shape[-1], MOST) * shares).exp() - 1


class MixingGenerator(GeneratorNetwork):
    r"""Images of :math:`\sum_k a_k h_k(z_k)`: a network for each component's noise, one for all.

    Args:
        parts: z_k to hidden numbers, for each component.
        generator: hidden numbers to images.
    """

    def __init__(self, parts: nn.ModuleList, size: int, generator: ConvGenerator) -> None:
        super().__init__()
        self.parts, self.size, self.generator = parts, size, generator
        self.latent_space = component_space(len(parts), size)
        self.image_shape = generator.image_shape

    @classmethod
    def untrained(cls, components: int, size: int, generator: ConvGenerator) -> MixingGenerator:
        """So many components, each with noise of a size."""
        hidden = generator.latent_space.dim
        parts = nn.ModuleList(perceptron([size, hidden, hidden]) for _ in range(components))
        return cls(parts, size, generator)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> MixingGenerator:
        """The untrained generator that :attr:`config` describes."""
        own = told(MixingGeneratorConfig, config, "the generator's config")
        generator = ConvGenerator.from_config(config["generator"])
        return cls.untrained(own.components, own.size, generator)

    @property
    def config(self) -> dict[str, Any]:
        """Plain data that rebuilds the network, for checkpoint files."""
        own = {"components": len(self.parts), "size": self.size}
        return {"generator": self.generator.config, **own}

    def mixed(self, z: Tensor, shares: Tensor) -> Tensor:
        """Images of noise ``(B, K, size)`` by shares ``(B, K)``."""
        hidden = torch.stack(
            [part(own) for part, own in zip(self.parts, z.unbind(1), strict=True)], 1
        )
        return self.generator((shares.unsqueeze(-1) * hidden).sum(1))

    def forward(self, latents: Tensor) -> Tensor:
        count = len(self.parts)
        noise, mixing = latents.split([count * self.size, count], dim=-1)
        return self.mixed(noise.unflatten(-1, (count, self.size)), shares_of(mixing))


class ComponentEncoders(EncoderNetwork):
    """An encoder for each component, which also says how much of an image is its own.

    Args:
        trunks: one for each.
        size: of each component's noise.
    """

    def __init__(self, trunks: list[Trunk], size: int) -> None:
        super().__init__()
        self.size = size
        self.image_shape = trunks[0].image_shape
        self.space = component_space(len(trunks), size)
        self.trunks = nn.ModuleList(trunks)
        self.heads = nn.ModuleList(nn.Linear(own.features, 2 * size + 1) for own in trunks)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ComponentEncoders:
        """The untrained encoders that :attr:`config` describes."""
        own = told(ComponentEncodersConfig, config, "an encoder's config")
        return cls([Trunk.told(own) for _ in range(own.components)], own.size)

    @property
    def config(self) -> dict[str, Any]:
        """Plain data that rebuilds the network, for checkpoint files."""
        first = self.trunks[0]
        assert isinstance(first, Trunk)
        return {**first.config, "components": len(self.trunks), "size": self.size}

    def read(self, x: Tensor) -> tuple[Normal, Dirichlet]:
        """q(z_k | x) over single dimensions, ``(B, K, size)``, and q(shares | x), ``(B, K)``."""
        pairs = zip(self.trunks, self.heads, strict=True)
        told = torch.stack([head(trunk(x)) for trunk, head in pairs], 1).float()
        mean, log_variance, own = told.split([self.size, self.size, 1], dim=-1)
        deviation = (0.5 * log_variance.clamp(*LOG_VARIANCE)).exp()
        weights = nn.functional.softplus(own.squeeze(-1)) + SMALLEST
        return Normal(mean, deviation, validate_args=False), Dirichlet(weights, validate_args=False)

    def posterior(self, x: Tensor) -> Implicit:
        """q(latents | x) for images ``(B, C, H, W)`` in [0, 1], by torch's own random numbers."""
        z, shares = self.read(x)
        centre = self._latents(z.loc, shares.mean)
        return Implicit(self.space, lambda: self._latents(z.rsample(), shares.rsample()), centre)

    def mode(self, x: Tensor) -> Tensor:
        """Latents ``(B, space.dim)`` at the means."""
        z, shares = self.read(x)
        return self._latents(z.loc, shares.mean)

    def probabilities(self, x: Tensor) -> Tensor:
        """Mean shares ``(B, K)``: whose an image is."""
        found: Tensor = self.read(x)[1].mean
        return found

    def _latents(self, z: Tensor, shares: Tensor) -> Tensor:
        return torch.cat([z.flatten(1), mixing_of(shares)], -1)
