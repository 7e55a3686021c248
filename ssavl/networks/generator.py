"""Generators: what all of them are, and the one of SS-AVL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ssavl.latents.space import LatentSpace
from ssavl.networks.config import ConvGeneratorConfig, told
from ssavl.networks.dense import Linear
from ssavl.networks.flat import Maps
from ssavl.networks.layout import ImageShape, layout
from ssavl.networks.strided import Doubling


class GeneratorNetwork(nn.Module):
    """A network that is a generator: what ours and, behind one face, anyone's have in common.

    It keeps the protocol :class:`ssavl.generators.protocol.Generator`.

    Attributes:
        latent_space: of its input.
        image_shape: channels, height and width of its images.
        output_range: of what the network itself makes, before it is mapped to [0, 1].
    """

    latent_space: LatentSpace
    image_shape: ImageShape
    output_range: tuple[float, float] = (0.0, 1.0)

    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        """Latents ``(n, latent_space.dim)`` that its images are made of: prior draws, on the
        device of ``rng``.
        """
        return self.latent_space.sample(n, rng)

    def facts(self) -> dict[str, Any]:
        """What people want to know of it beyond space and images, as plain data."""
        return {"kind": "ssavl"}

    def described(self) -> dict[str, Any] | None:
        """What a ``.gan.yaml`` must say of it; ``None`` where its file says all."""
        return None


class ConvGenerator(GeneratorNetwork):
    """Latents ``(B, space.dim)`` to images ``(B, C, H, W)`` in [0, 1], by transposed convolutions.

    Args:
        space: the latent space; its blocks enter as one vector.
        image_shape: channels, height and width.
        width: channels of the feature map at half the image's side.
        hidden: size of the fully connected layer before the first feature map.
        block_gain: factor on each block at the input, by block name (1 where absent). The priors
            stay as they are; a gain below 1 on the noise makes category and code the loudest
            inputs.

    Raises:
        ValueError: an image size that cannot be made, or a gain for a block that the space has not.
    """

    def __init__(
        self,
        space: LatentSpace,
        image_shape: ImageShape,
        width: int,
        hidden: int,
        block_gain: Mapping[str, float],
    ) -> None:
        super().__init__()
        unknown = set(block_gain) - {block.name for block in space.blocks}
        if unknown:
            raise ValueError(
                f"block_gain names {sorted(unknown)}, but the latent space is {space!r}"
            )
        self.latent_space = space
        self.image_shape = image_shape
        self.width = width
        self.hidden = hidden
        self.block_gain = dict(block_gain)
        shape = layout(image_shape, width)
        gains = [float(block_gain.get(b.name, 1.0)) for b in space.blocks for _ in range(b.dim)]
        self.gain: Tensor
        self.register_buffer("gain", torch.tensor(gains))
        self.linear = nn.Sequential(
            nn.Linear(space.dim, hidden, bias=False),
            nn.BatchNorm1d(hidden),
            nn.ReLU(inplace=True),
            Linear(hidden, shape.features, bias=False),
            nn.BatchNorm1d(shape.features),
            nn.ReLU(inplace=True),
            Maps((shape.channels[-1], shape.base, shape.base)),
        )
        layers: list[nn.Module] = []
        previous = shape.channels[-1]
        for channels in reversed(shape.channels[:-1]):
            layers += [
                Doubling(previous, channels, bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(inplace=True),
            ]
            previous = channels
        layers += [Doubling(previous, image_shape[0])]
        self.convolutions = nn.Sequential(*layers)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ConvGenerator:
        """The untrained generator that :attr:`config` describes."""
        own = told(ConvGeneratorConfig, config, "the generator's config")
        return cls(own.latent_space, own.shape, own.width, own.hidden, own.block_gain)

    @property
    def config(self) -> dict[str, Any]:
        """Plain data that rebuilds the network, for checkpoint files."""
        return {
            "space": self.latent_space.config,
            "image_shape": list(self.image_shape),
            "width": self.width,
            "hidden": self.hidden,
            "block_gain": self.block_gain,
        }

    def open_block(self, name: str, shares: Sequence[float]) -> None:
        """Let each dimension of a block in by a share of its gain:
        0 keeps it out, 1 is what the block's gain says.
        """
        gain = self.latent_space.split(self.gain)[name]
        gain.copy_(self.block_gain.get(name, 1.0) * torch.tensor(shares, device=gain.device))

    def forward(self, latents: Tensor) -> Tensor:
        # Under bf16 autocast too, images leave a network as float32: 8 bits of mantissa are not 256
        # grey levels.
        return self.convolutions(self.linear(latents * self.gain)).float().sigmoid()
