"""The convolutional trunk that the critic and the encoders share in shape,
and sometimes in weights.
"""

from __future__ import annotations

from torch import Tensor, nn

from ssavl.networks.layout import ImageShape, layout


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
            layers += [nn.Conv2d(previous, channels, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
            previous = channels
        self.convolutions = nn.Sequential(*layers)
        self.linear = nn.Sequential(
            nn.Flatten(), nn.Linear(shape.features, features), nn.LeakyReLU(0.2)
        )
        self.image_shape = image_shape
        self.width = width
        self.features = features

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.convolutions(2 * x - 1))
