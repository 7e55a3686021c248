"""A generator whose latents are a mixture of Gaussians, and the encoder that knows of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Normal
from torch.nn.functional import one_hot

from ssavl.latents.implicit import Implicit
from ssavl.latents.priors import LOG_VARIANCE, Block
from ssavl.latents.space import LatentSpace
from ssavl.networks.config import MixtureEncoderConfig, MixtureGeneratorConfig, told
from ssavl.networks.encoder import EncoderNetwork
from ssavl.networks.generator import ConvGenerator, GeneratorNetwork
from ssavl.networks.mixture_prior import MixturePrior, component, responsibilities
from ssavl.networks.trunk import Trunk


def mixture_space(moving: int, size: int, components: int) -> LatentSpace:
    """Base space: w and the standardised z are normal, d is a category."""
    return LatentSpace(
        [
            Block("w", "noise", "normal", moving),
            Block("z", "code", "normal", size),
            Block("d", "category", "categorical", components),
        ]
    )


class MixtureGenerator(GeneratorNetwork):
    """Images of z = mean_d(w) + deviation_d(w) * e, where its latents are w, e and d.

    So a draw of standard latents is a draw of the mixture.

    Args:
        generator: images of z.
        prior: p(z | w, d).
    """

    def __init__(self, generator: ConvGenerator, prior: MixturePrior) -> None:
        super().__init__()
        self.generator = generator
        self.prior = prior
        first = prior.layers[0]
        assert isinstance(first, nn.Linear)
        self.latent_space = mixture_space(first.in_features, prior.size, prior.components)
        self.image_shape = generator.image_shape

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> MixtureGenerator:
        """The untrained generator that :attr:`config` describes."""
        own = told(MixtureGeneratorConfig, config, "the generator's config")
        generator = ConvGenerator.from_config(config["generator"])
        size = generator.latent_space.dim
        return cls(generator, MixturePrior(own.moving, size, own.components, own.hidden))

    @property
    def config(self) -> dict[str, Any]:
        """Plain data that rebuilds the network, for checkpoint files."""
        parts = self.latent_space.blocks
        own = {"moving": parts[0].dim, "components": parts[2].dim, "hidden": self.prior.hidden}
        return {"generator": self.generator.config, **own}

    def forward(self, latents: Tensor) -> Tensor:
        parts = self.latent_space.split(latents)
        own = component(self.prior(parts["w"]), parts["d"])
        return self.generator(own.loc + own.scale * parts["z"])


class MixtureEncoder(EncoderNetwork):
    """q(w | x) and q(z | x), both Gaussian; the category follows by Bayes from the prior.

    Args:
        trunk: reads the images.
        prior: that of the generator.
    """

    def __init__(self, trunk: Trunk, prior: MixturePrior) -> None:
        super().__init__()
        first = prior.layers[0]
        assert isinstance(first, nn.Linear)
        self.image_shape = trunk.image_shape
        self.space = mixture_space(first.in_features, prior.size, prior.components)
        self.trunk = trunk
        self.of_w = nn.Linear(trunk.features, 2 * first.in_features)
        self.of_z = nn.Linear(trunk.features, 2 * prior.size)
        self.prior = prior

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> MixtureEncoder:
        """The untrained encoder that :attr:`config` describes."""
        own = told(MixtureEncoderConfig, config, "an encoder's config")
        return cls(Trunk.told(own), MixturePrior(own.moving, own.size, own.components, own.hidden))

    @property
    def config(self) -> dict[str, Any]:
        """Plain data that rebuilds the network, for checkpoint files."""
        w, z, d = self.space.blocks
        own = {"moving": w.dim, "size": z.dim, "components": d.dim, "hidden": self.prior.hidden}
        return {**self.trunk.config, **own}

    def gaussians(self, x: Tensor) -> tuple[Normal, Normal]:
        """q(w | x) and q(z | x), over single dimensions."""
        features = self.trunk(x)
        return _normal(self.of_w(features)), _normal(self.of_z(features))

    def posterior(self, x: Tensor) -> Implicit:
        """q(w, e, d | x) for images ``(B, C, H, W)`` in [0, 1], by torch's own random numbers."""
        w, z = self.gaussians(x)

        def drawn() -> Tensor:
            return self._latents(w.rsample(), z.rsample(), None)

        return Implicit(self.space, drawn, self._latents(w.loc, z.loc, None))

    def mode(self, x: Tensor) -> Tensor:
        """Latents ``(B, space.dim)`` at the means, with the likeliest category."""
        w, z = self.gaussians(x)
        chosen = self.probabilities_of(w.loc, z.loc).argmax(-1)
        return self._latents(w.loc, z.loc, one_hot(chosen, self.prior.components).to(w.loc))

    def probabilities_of(self, w: Tensor, z: Tensor) -> Tensor:
        """p(d | z, w), ``(B, K)``."""
        return responsibilities(self.prior(w), z).exp()

    def _latents(self, w: Tensor, z: Tensor, d: Tensor | None) -> Tensor:
        """w, the standardised z, and the category, by its probabilities if it is not given."""
        mixture = self.prior(w)
        soft = responsibilities(mixture, z).exp()
        likeliest = one_hot(soft.argmax(-1), self.prior.components).to(z) if d is None else d
        own = component(mixture, likeliest)
        category = soft if d is None else d
        return torch.cat([w, (z - own.loc) / own.scale, category], -1)


def _normal(parameters: Tensor) -> Normal:
    mean, log_variance = parameters.float().chunk(2, dim=-1)
    deviation = (0.5 * log_variance.clamp(*LOG_VARIANCE)).exp()
    return Normal(mean, deviation, validate_args=False)
