"""Encoders that each see a part of an image, and what they say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ssavl.latents.priors import LOG_VARIANCE
from ssavl.latents.space import Factorised, LatentSpace
from ssavl.networks.config import ExpertsConfig, told
from ssavl.networks.encoder import Encoder, EncoderNetwork
from ssavl.networks.trunk import Trunk

Sources = Literal["whole", "halves", "quadrants"]

PARTS: dict[str, tuple[int, int]] = {"whole": (1, 1), "halves": (2, 1), "quadrants": (2, 2)}


class Experts(EncoderNetwork):
    """A product of experts: each encoder sees its own part of the image, the rest is grey.

    Args:
        encoders: one for each part, all over one space.
        sources: which parts.
    """

    def __init__(self, encoders: Sequence[Encoder], sources: Sources) -> None:
        super().__init__()
        self.sources = sources
        self.space = encoders[0].space
        self.image_shape = encoders[0].image_shape
        self.encoders = nn.ModuleList(encoders)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Experts:
        """The untrained encoders that :attr:`config` describes."""
        own = told(ExpertsConfig, config, "an encoder's config")
        rows, columns = PARTS[own.sources]
        encoders = [Encoder(Trunk.told(own), own.latent_space) for _ in range(rows * columns)]
        return cls(encoders, own.sources)

    @property
    def config(self) -> dict[str, Any]:
        """Plain data that rebuilds the network, for checkpoint files."""
        first = self.encoders[0]
        assert isinstance(first, Encoder)
        return {**first.config, "sources": self.sources}

    def parameters_of(self, x: Tensor) -> list[Tensor]:
        """What each expert says, parameters ``(B, P)``, of images ``(B, C, H, W)`` in [0, 1]."""
        return [own(part) for own, part in zip(self.encoders, parts(x, self.sources), strict=True)]

    def posterior(self, x: Tensor) -> Factorised:
        """The product of the experts and the prior."""
        return self.space.posterior(product(self.parameters_of(x), self.space))

    def mode(self, x: Tensor) -> Tensor:
        """Latents ``(B, space.dim)`` at its mode."""
        return self.space.mode(product(self.parameters_of(x), self.space))


def parts(x: Tensor, sources: Sources) -> list[Tensor]:
    """Images ``(B, C, H, W)``, each with one of its parts alone; the rest is 1/2."""
    rows, columns = PARTS[sources]
    height, width = x.shape[-2:]
    found = []
    for row in range(rows):
        for column in range(columns):
            seen = torch.zeros(height, width, dtype=torch.bool, device=x.device)
            down = slice(row * height // rows, (row + 1) * height // rows)
            across = slice(column * width // columns, (column + 1) * width // columns)
            seen[down, across] = True
            found.append(torch.where(seen, x, 0.5))
    return found


def product(experts: Sequence[Tensor], space: LatentSpace) -> Tensor:
    r"""Parameters ``(B, P)`` of the posterior that some experts and the prior give together.

    Each says a mean and a variance, or logits, of its own. In base space the product is Gaussian,
    of precision :math:`1 + \sum_m 1 / s_m^2` and mean
    :math:`\sum_m (m_m / s_m^2) / (1 + \sum_m 1 / s_m^2)`: an expert that sees nothing has an
    infinite variance. Log-probabilities of a category add up.
    """
    sizes = [block.parameter_size for block in space.blocks]
    told = [own.split(sizes, dim=-1) for own in experts]
    joined = []
    for number, block in enumerate(space.blocks):
        own = torch.stack([parameters[number] for parameters in told])
        if block.role == "category":
            joined.append(own.log_softmax(-1).sum(0))
            continue
        mean, log_variance = own.chunk(2, dim=-1)
        precisions = (-log_variance.clamp(*LOG_VARIANCE)).exp()
        precision = 1 + precisions.sum(0)
        joined += [(precisions * mean).sum(0) / precision, -precision.log()]
    return torch.cat(joined, -1)
