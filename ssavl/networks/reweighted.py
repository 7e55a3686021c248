"""A generator whose prior is learned: draws of the plain one, some more often than others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ssavl.networks.config import ReweightedGeneratorConfig, told
from ssavl.networks.generator import ConvGenerator, GeneratorNetwork
from ssavl.networks.perceptron import LatentCritic

AT_ONCE = 2**16  # proposals that are scored together


class ReweightedGenerator(GeneratorNetwork):
    """Its prior is p(u) exp(D(u)) / Z (Aneja et al. 2021); images are the generator's own.

    Args:
        generator: its latent space has the plain prior p.
        ratio: D, of latents in base space.
        proposals: draws of p, of which one is kept, in proportion to exp(D).
    """

    def __init__(self, generator: ConvGenerator, ratio: LatentCritic, proposals: int) -> None:
        super().__init__()
        self.generator = generator
        self.ratio = ratio
        self.proposals = proposals
        self.latent_space = generator.latent_space
        self.image_shape = generator.image_shape

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ReweightedGenerator:
        """The untrained generator that :attr:`config` describes."""
        own = told(ReweightedGeneratorConfig, config, "the generator's config")
        generator = ConvGenerator.from_config(config["generator"])
        ratio = LatentCritic(generator.latent_space.dim, own.width, own.depth)
        return cls(generator, ratio, own.proposals)

    @property
    def config(self) -> dict[str, Any]:
        """Plain data that rebuilds the network, for checkpoint files."""
        own = {"width": self.ratio.width, "depth": self.ratio.depth, "proposals": self.proposals}
        return {"generator": self.generator.config, **own}

    def forward(self, latents: Tensor) -> Tensor:
        return self.generator(latents)

    def log_ratio(self, latents: Tensor) -> Tensor:
        """D of latents ``(B, D)``, ``(B,)``."""
        return self.ratio(self.latent_space.to_base(latents))

    @torch.no_grad()
    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        """Latents ``(n, latent_space.dim)`` of the learned prior, by sampling, importance and
        resampling.
        """
        kept = []
        for count in _parts(n, max(1, AT_ONCE // self.proposals)):
            proposed = self.latent_space.sample(count * self.proposals, rng)
            weights = self.log_ratio(proposed).view(count, self.proposals).softmax(-1)
            chosen = torch.multinomial(weights, 1, generator=rng).squeeze(-1)
            rows = torch.arange(count, device=chosen.device)
            kept.append(proposed.view(count, self.proposals, -1)[rows, chosen])
        return torch.cat(kept)


def _parts(n: int, most: int) -> list[int]:
    return [min(most, n - start) for start in range(0, n, most)]
