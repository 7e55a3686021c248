r"""Latent spaces: ordered blocks with priors, and the factorised distributions over them.

A generator's input is one flat ``(B, D)`` tensor, its blocks in a row (Ye & Bors 2024, Eq. 3)

.. math:: z \sim \mathcal N(0, I), \qquad c \sim U(-1, 1)^n \text{ or } \mathcal N(0, I), \qquad
          d \sim \mathrm{Cat}(K, 1/K).

Distributions live in the base space of :mod:`ssavl.latents.priors`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributions import (
    Distribution,
    Independent,
    Normal,
    OneHotCategorical,
    RelaxedOneHotCategorical,
    kl_divergence,
)

from ssavl.latents.names import Role
from ssavl.latents.priors import Block

TEMPERATURE = 0.67  # Gumbel-softmax (Eq. 10); the value of Jang et al. 2017 for ten categories


class LatentSpace:
    """Ordered blocks, and the flat ``(B, dim)`` tensors that live in them.

    Raises:
        ValueError: no block, or two of the same name.
    """

    def __init__(self, blocks: Iterable[Block]) -> None:
        self.blocks = tuple(blocks)
        names = [block.name for block in self.blocks]
        if not names or len(set(names)) != len(names):
            raise ValueError(
                f"a latent space needs at least one block and distinct names, not {names}"
            )
        self.dim = sum(block.dim for block in self.blocks)

    @classmethod
    def from_config(cls, config: Iterable[Mapping[str, Any]]) -> LatentSpace:
        """The space that :attr:`config` describes."""
        return cls(Block(**entry) for entry in config)

    @property
    def config(self) -> list[dict[str, Any]]:
        """Plain data that rebuilds the space, for checkpoint files."""
        return [
            {"name": b.name, "role": b.role, "prior": b.prior, "dim": b.dim} for b in self.blocks
        ]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LatentSpace) and self.blocks == other.blocks

    def __hash__(self) -> int:
        return hash(self.blocks)

    def __repr__(self) -> str:
        return " x ".join(f"{b.name}[{b.dim}, {b.prior}]" for b in self.blocks)

    def __contains__(self, name: object) -> bool:
        return any(block.name == name for block in self.blocks)

    @property
    def parameter_size(self) -> int:
        """Numbers per sample that :meth:`posterior` takes."""
        return sum(block.parameter_size for block in self.blocks)

    def of_role(self, *roles: Role) -> tuple[Block, ...]:
        """The blocks that have one of these roles, in order."""
        return tuple(block for block in self.blocks if block.role in roles)

    def subspace(self, *roles: Role) -> LatentSpace:
        """The space of the blocks with these roles. Raises ``ValueError`` when there are none."""
        return LatentSpace(self.of_role(*roles))

    def split(self, latents: Tensor) -> dict[str, Tensor]:
        """Flat ``(B, dim)`` latents as one ``(B, block.dim)`` tensor per block name.

        Raises:
            ValueError: a last dimension other than :attr:`dim`.
        """
        if latents.shape[-1] != self.dim:
            raise ValueError(
                f"latents have {latents.shape[-1]} dimensions; the space {self!r} has {self.dim}"
            )
        parts = latents.split([block.dim for block in self.blocks], dim=-1)
        return {block.name: part for block, part in zip(self.blocks, parts, strict=True)}

    def join(self, parts: Mapping[str, Tensor]) -> Tensor:
        """The inverse of :meth:`split`: flat latents ``(B, dim)``. Other blocks are ignored."""
        return torch.cat([parts[block.name] for block in self.blocks], dim=-1)

    def from_base(self, base: Tensor) -> Tensor:
        """Points ``(..., dim)`` of base space as latents."""
        parts = self.split(base)
        return torch.cat([block.from_base(parts[block.name]) for block in self.blocks], dim=-1)

    def to_base(self, latents: Tensor) -> Tensor:
        """Latents ``(..., dim)`` in base space, where priors but of categories are N(0, I)."""
        parts = self.split(latents)
        return torch.cat([block.to_base(parts[block.name]) for block in self.blocks], dim=-1)

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """``(n, dim)`` draws from the prior, on the generator's device."""
        parts = []
        for block in self.blocks:
            if block.prior == "categorical":
                index = torch.randint(block.dim, (n,), generator=rng, device=rng.device)
                parts.append(torch.nn.functional.one_hot(index, block.dim).float())
            else:
                parts.append(
                    block.from_base(torch.randn(n, block.dim, generator=rng, device=rng.device))
                )
        return torch.cat(parts, dim=-1)

    def prior(self, device: torch.device | str = "cpu") -> Factorised:
        """The prior: what a posterior with all-zero parameters is."""
        return self.posterior(torch.zeros(1, self.parameter_size, device=device))

    def mode(self, parameters: Tensor) -> Tensor:
        """The mode ``(B, dim)`` of the posterior with these parameters."""
        return torch.cat([b.mode(part) for b, part in self._parts(parameters)], dim=-1)

    def posterior(self, parameters: Tensor) -> Factorised:
        """The factorised distribution whose parameters ``(B, parameter_size)`` an encoder gives."""
        blocks = {b.name: b.distribution(part) for b, part in self._parts(parameters)}
        return Factorised(self, blocks, parameters.device)

    def _parts(self, parameters: Tensor) -> Iterator[tuple[Block, Tensor]]:
        sizes = [block.parameter_size for block in self.blocks]
        return zip(self.blocks, parameters.split(sizes, dim=-1), strict=True)


class Factorised:
    """A product of distributions, one per block: Gaussian in base space, or categorical.

    It keeps both protocols of :mod:`ssavl.latents.posterior`, and tells each block by itself.

    Attributes:
        blocks: the distributions in base space, by name.
    """

    def __init__(
        self, space: LatentSpace, blocks: dict[str, Distribution], device: torch.device
    ) -> None:
        self.space = space
        self.blocks = blocks
        self.device = device

    def rsample(self, temperature: float = TEMPERATURE, straight_through: bool = False) -> Tensor:
        """A differentiable draw of shape ``(B, dim)``.

        Categories are relaxed by Gumbel-softmax (Eq. 10); with ``straight_through`` the value is
        one-hot and the gradient that of the relaxed draw.
        """
        parts = []
        for block in self.space.blocks:
            distribution = self.blocks[block.name]
            if isinstance(distribution, OneHotCategorical):
                relaxed = RelaxedOneHotCategorical(
                    torch.tensor(temperature), logits=distribution.logits, validate_args=False
                )
                soft = relaxed.rsample()
                if straight_through:
                    hard = torch.nn.functional.one_hot(soft.argmax(-1), block.dim).to(soft.dtype)
                    soft = hard + soft - soft.detach()
                parts.append(soft)
            else:
                parts.append(block.from_base(distribution.rsample()))
        return torch.cat(parts, dim=-1)

    @torch.no_grad()
    def sample(self) -> Tensor:
        """A draw ``(B, dim)`` from the distribution itself: categories are exactly one-hot."""
        parts = [b.from_base(self.blocks[b.name].sample()) for b in self.space.blocks]
        return torch.cat(parts, dim=-1)

    @property
    def mode(self) -> Tensor:
        """Latents ``(B, dim)`` at the mode in base space."""
        parts = [b.from_base(self.blocks[b.name].mode) for b in self.space.blocks]
        return torch.cat(parts, dim=-1)

    def gaussian(self, name: str) -> Normal:
        """A continuous block's Gaussian in base space, over single dimensions ``(B, dim)``."""
        distribution = self.blocks[name]
        assert isinstance(distribution, Independent)
        assert isinstance(distribution.base_dist, Normal)
        return distribution.base_dist

    def category(self, name: str) -> OneHotCategorical:
        """A categorical block's distribution over one-hot vectors ``(B, K)``."""
        distribution = self.blocks[name]
        assert isinstance(distribution, OneHotCategorical)
        return distribution

    def probabilities(self, name: str) -> Tensor:
        """Probabilities ``(B, K)`` of a categorical block."""
        return self.category(name).probs

    def log_probabilities(self, name: str) -> Tensor:
        """Their logarithms ``(B, K)``, finite where the probabilities underflow."""
        return self.category(name).logits

    def log_prob(self, latents: Tensor) -> dict[str, Tensor]:
        """Log-density in nats of each block's part of the flat ``latents``, shape ``(B,)`` each."""
        return {name: terms.sum(-1) for name, terms in self.log_prob_terms(latents).items()}

    def log_prob_terms(self, latents: Tensor) -> dict[str, Tensor]:
        """Its terms, which add up to it: one per dimension, ``(B, dim)``;
        of a category the only one, ``(B, 1)``.

        On a sphere it is the base variable's density at the point: a projected Gaussian's has no
        closed form.
        """
        parts, result = self.space.split(latents), {}
        for block in self.space.blocks:
            name, values = block.name, parts[block.name]
            if block.prior == "categorical":
                result[name] = self.blocks[name].log_prob(values)[..., None]
            else:
                base = block.to_base(values)
                density = self.gaussian(name).log_prob(base)
                result[name] = density - block.log_jacobian(base, values)
        return result

    def kl(self) -> dict[str, Tensor]:
        """Closed-form divergence from the prior in nats, ``(B,)`` per block."""
        prior = self.space.prior(self.device).blocks
        return {name: kl_divergence(q, prior[name]) for name, q in self.blocks.items()}

    def over(self, space: LatentSpace) -> Factorised:
        """The marginal over some blocks. Raises ``KeyError`` for one that this has not."""
        blocks = {block.name: self.blocks[block.name] for block in space.blocks}
        return Factorised(space, blocks, self.device)

    def __or__(self, other: Factorised) -> Factorised:
        """The product of two posteriors over disjoint blocks."""
        space = LatentSpace(self.space.blocks + other.space.blocks)
        return Factorised(space, {**self.blocks, **other.blocks}, self.device)
