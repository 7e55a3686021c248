"""PixelCNN (van den Oord et al. 2016): an image pixel by pixel, each given those before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli
from torch.nn.functional import conv2d, pad
from torch.special import ndtr

from ssavl.latents.priors import Block
from ssavl.latents.space import LatentSpace
from ssavl.networks.config import PixelCnnConfig, told
from ssavl.networks.generator import GeneratorNetwork
from ssavl.networks.layout import ImageShape

FIRST, NEXT = 7, 3  # sides of kernels: of the layer that sees pixels, of those that see maps


class Causal(nn.Conv2d):
    """A convolution that sees, at each place, the rows above, what is left of it, and with
    ``itself`` the place. Maps ``(B, inputs, H, W)`` to ``(B, outputs, H, W)``.
    """

    def __init__(self, inputs: int, outputs: int, side: int, itself: bool) -> None:
        super().__init__(inputs, outputs, side)
        self.margin = side // 2
        seen = torch.zeros(side, side)
        seen[: self.margin] = 1.0
        seen[self.margin, : self.margin + itself] = 1.0
        self.seen: Tensor
        self.register_buffer("seen", seen, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.at(pad(x, [self.margin] * 4))

    def at(self, x: Tensor) -> Tensor:
        """The same of maps that are padded already: ``(B, inputs, H + 2 margin, W + 2 margin)``."""
        return conv2d(x, self.weight * self.seen, self.bias)


class PixelCnn(GeneratorNetwork):
    """Black or white images whose pixels depend on all before them, and on a code.

    The code enters each layer as a bias, the same at every place: what is where is left to the
    pixels (the location-invariant bias of Makhzani & Frey 2017). Channels of one pixel are
    independent given what is before it.

    The chance in a draw is a latent too: a ``pixels`` block, normal, one number for each pixel and
    channel. So it is a generator like any other: the same latents make the same image.

    Args:
        code: the latent space of what it is told.
        image_shape: channels, height and width.
        width: channels of its maps.
        depth: residual layers.
    """

    def __init__(self, code: LatentSpace, image_shape: ImageShape, width: int, depth: int) -> None:
        super().__init__()
        channels, height, side = image_shape
        chance = Block("pixels", "noise", "normal", channels * height * side)
        self.code = code
        self.latent_space = LatentSpace([*code.blocks, chance])
        self.image_shape = image_shape
        self.width = width
        self.first = Causal(channels, width, FIRST, itself=False)
        self.layers = nn.ModuleList(Causal(width, width, NEXT, itself=True) for _ in range(depth))
        self.told = nn.Linear(code.dim, (depth + 1) * width)
        self.last = nn.Sequential(
            nn.ReLU(), nn.Conv2d(width, width, 1), nn.ReLU(), nn.Conv2d(width, channels, 1)
        )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> PixelCnn:
        """The untrained network that :attr:`config` describes."""
        own = told(PixelCnnConfig, config, "the generator's config")
        return cls(own.latent_space, own.shape, own.width, own.depth)

    @property
    def config(self) -> dict[str, Any]:
        """Plain data that rebuilds the network, for checkpoint files."""
        return {
            "space": self.code.config,
            "image_shape": list(self.image_shape),
            "width": self.width,
            "depth": len(self.layers),
        }

    def logits(self, x: Tensor, code: Tensor) -> Tensor:
        """Log-odds ``(B, C, H, W)`` of each pixel of black or white images, given those before it
        and codes ``(B, code.dim)``.
        """
        biases = self._biases(code)
        maps = self.first(x) + biases[0]
        for layer, bias in zip(self.layers, biases[1:], strict=True):
            maps = maps + layer(maps.relu()) + bias
        return self.last(maps).float()

    def log_prob(self, x: Tensor, code: Tensor) -> Tensor:
        """log p(x | code) in nats, ``(B,)``, of images ``(B, C, H, W)`` of zeros and ones."""
        law = Bernoulli(logits=self.logits(x, code), validate_args=False)
        return law.log_prob(x).flatten(1).sum(1)

    def forward(self, latents: Tensor) -> Tensor:
        """Images of zeros and ones, pixel after pixel: a pixel is white where its number of the
        ``pixels`` block, as a level of the normal law, is below its probability.

        What earlier pixels made of each layer is kept, so that a pixel costs one place of each map.
        """
        parts = self.latent_space.split(latents)
        channels, height, side = self.image_shape
        levels = ndtr(parts.pop("pixels")).unflatten(1, self.image_shape)
        biases = self._biases(self.code.join(parts))
        half = FIRST // 2
        x = latents.new_zeros(len(latents), channels, height + 2 * half, side + 2 * half)
        kept = [
            latents.new_zeros(len(latents), self.width, height + NEXT - 1, side + NEXT - 1)
            for _ in self.layers
        ]
        for row in range(height):
            for column in range(side):
                here = self.first.at(x[:, :, row : row + FIRST, column : column + FIRST])
                here = here + biases[0]
                for layer, bias, maps in zip(self.layers, biases[1:], kept, strict=True):
                    maps[:, :, row + 1, column + 1] = here.relu().flatten(1)
                    assert isinstance(layer, Causal)
                    around = maps[:, :, row : row + NEXT, column : column + NEXT]
                    here = here + layer.at(around) + bias
                white = self.last(here).float().sigmoid().flatten(1) > levels[:, :, row, column]
                x[:, :, row + half, column + half] = white.to(x)
        return x[:, :, half : half + height, half : half + side].clone()

    def _biases(self, code: Tensor) -> list[Tensor]:
        """What a code adds to each layer's maps, ``(B, width, 1, 1)`` each."""
        own = self.told(code)[:, :, None, None]
        return list(own.chunk(len(self.layers) + 1, dim=1))
