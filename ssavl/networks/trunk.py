"""The convolutional trunk that the critic and the encoders share in shape,
and sometimes in weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssavl.networks.config import TrunkConfig
from ssavl.networks.dense import Linear
from ssavl.networks.flat import Flat, unflat
from ssavl.networks.layout import ImageShape, blocked, layout
from ssavl.networks.strided import Halving

SLOPE = 0.2  # of the leaky ReLUs


class Trunk(nn.Module):
    """Images ``(B, C, H, W)`` in [0, 1] to features ``(B, features)``.

    Strided 4 x 4 convolutions and one linear layer, leaky ReLU after each, without BatchNorm: the
    gradient penalty of a critic needs every sample on its own (Gulrajani et al. 2017, section 4).
    Images are rescaled to [-1, 1] inside: with [0, 1] the critic's gradients are too weak.

    Args:
        width: channels next to the image.
        features: of the linear layer.
        stem: side of the blocks of pixels that are read as the channels of one. Where each pixel
            has feature maps of its own, a large image costs more there than in all the rest.

    Raises:
        ValueError: an image size that cannot be read.
    """

    def __init__(self, image_shape: ImageShape, width: int, features: int, stem: int = 1) -> None:
        super().__init__()
        seen = blocked(image_shape, stem)
        shape = layout(seen, width)
        layers: list[nn.Module] = []
        previous = seen[0]
        for channels in shape.channels:
            layers += [Halving(previous, channels), nn.LeakyReLU(SLOPE, inplace=True)]
            previous = channels
        self.convolutions = nn.Sequential(*layers)
        self.linear = nn.Sequential(
            Flat(), Linear(shape.features, features), nn.LeakyReLU(SLOPE, inplace=True)
        )
        self.image_shape = image_shape
        self.width = width
        self.features = features
        self.stem = stem

    @classmethod
    def told(cls, config: TrunkConfig) -> Trunk:
        """The untrained trunk that a file's config describes."""
        return cls(config.shape, config.width, config.features, config.stem)

    @property
    def config(self) -> dict[str, Any]:
        """Plain data that rebuilds it; a stem of 1 is left out, as files had none once."""
        stem = {"stem": self.stem} if self.stem > 1 else {}
        sizes = {"width": self.width, "features": self.features}
        return {"image_shape": list(self.image_shape), **sizes, **stem}

    @property
    def dense(self) -> Linear:
        """The layer behind the convolutions."""
        layer = self.linear[1]
        assert isinstance(layer, Linear)
        return layer

    def forward(self, x: Tensor) -> Tensor:
        return self.results(x)[-1]

    def results(self, x: Tensor) -> list[Tensor]:
        """What each layer gives, behind its leaky ReLU; the last are the features."""
        found, h = [], 2 * x - 1
        if self.stem > 1:
            h = F.pixel_unshuffle(h, self.stem)
        for layer in (*self.convolutions, *self.linear):
            h = layer(h)
            if isinstance(layer, nn.LeakyReLU):
                found.append(h)
        return found

    def pulled_back(self, results: Sequence[Tensor], cotangents: Tensor) -> Tensor:
        """The gradient in the images of ``<features, cotangents>``, ``(B, C, H, W)``,
        differentiable in the weights and the cotangents ``(B, features)``.

        It is exact almost everywhere, where autograd's is: the network is linear but for the signs
        of its results, and these have no derivative. So one way back is all that the gradient of a
        gradient needs; autograd goes forth and back through zeros as well.

        Args:
            results: of the images; their signs alone are read.
        """
        left = [result.detach() for result in results]
        signal = self.dense.pulled_back(_through(cotangents, left.pop()))
        signal = unflat(signal, left[-1])
        for layer in reversed(self.convolutions):
            if isinstance(layer, nn.LeakyReLU):
                signal = _through(signal, left.pop())
            else:
                assert isinstance(layer, Halving)
                signal = layer.pulled_back(signal)
        return 2 * (F.pixel_shuffle(signal, self.stem) if self.stem > 1 else signal)


def _through(signal: Tensor, result: Tensor) -> Tensor:
    """A signal on its way back through a leaky ReLU, by the sign of its result."""
    return torch.ops.aten.leaky_relu_backward(signal.to(result.dtype), result, SLOPE, True)
