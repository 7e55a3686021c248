"""The convolutional trunk that the critic and the encoders share in shape,
and sometimes in weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ssavl.networks.dense import Linear
from ssavl.networks.flat import Flat, unflat
from ssavl.networks.layout import ImageShape, layout
from ssavl.networks.strided import Halving

SLOPE = 0.2  # of the leaky ReLUs


class Trunk(nn.Module):
    """Images ``(B, C, H, W)`` in [0, 1] to features ``(B, features)``.

    Strided 4 x 4 convolutions and one linear layer, leaky ReLU after each, without BatchNorm: the
    gradient penalty of a critic needs every sample on its own (Gulrajani et al. 2017, section 4).
    Images are rescaled to [-1, 1] inside: with [0, 1] the critic's gradients are too weak.
    """

    def __init__(self, image_shape: ImageShape, width: int, features: int) -> None:
        super().__init__()
        shape = layout(image_shape, width)
        layers: list[nn.Module] = []
        previous = image_shape[0]
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
        return 2 * signal


def _through(signal: Tensor, result: Tensor) -> Tensor:
    """A signal on its way back through a leaky ReLU, by the sign of its result."""
    return torch.ops.aten.leaky_relu_backward(signal.to(result.dtype), result, SLOPE, True)
