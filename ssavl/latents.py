r"""Latent spaces: ordered blocks with priors, and the factorised distributions over them.

A generator's input is one flat tensor of shape ``(B, D)``, the concatenation of its blocks
(Ye & Bors 2024, Eq. 3)

.. math:: z \sim \mathcal N(0, I), \qquad c \sim U(-1, 1)^n \text{ or } \mathcal N(0, I), \qquad
          d \sim \mathrm{Cat}(K, 1/K).

A uniform block is the image of a Gaussian, :math:`c = \mathrm{erf}(u / \sqrt 2)` with :math:`u \sim \mathcal N(0, 1)`,
so a posterior that is Gaussian in :math:`u` has a closed-form divergence from the prior in :math:`c` as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.distributions import (
    Distribution,
    Independent,
    Normal,
    OneHotCategorical,
    RelaxedOneHotCategorical,
    Transform,
    TransformedDistribution,
    constraints,
    kl_divergence,
)

Role = Literal["noise", "code", "category"]
Prior = Literal["normal", "uniform", "categorical"]

TEMPERATURE = 0.67  # Gumbel-softmax (Eq. 10); the value of Jang et al. 2017 for ten categories
LOG_VARIANCE = (-12.0, 6.0)  # bounds on an encoder's log-variance: outside, float32 densities overflow


class ErfTransform(Transform):
    r"""The bijection :math:`c = \mathrm{erf}(u / \sqrt 2)` from the line onto (-1, 1): it makes N(0, 1) uniform."""

    domain = constraints.real
    codomain = constraints.interval(-1.0, 1.0)
    bijective = True
    sign = +1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ErfTransform)

    def __hash__(self) -> int:
        return hash(ErfTransform)

    def _call(self, x: Tensor) -> Tensor:
        return torch.erf(x / math.sqrt(2))

    def _inverse(self, y: Tensor) -> Tensor:
        # Rounding puts |u| > 5.4 on the border itself, where erfinv is infinite: step one float inside.
        inside = 1 - torch.finfo(y.dtype).eps
        return math.sqrt(2) * torch.erfinv(y.clamp(-inside, inside))

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return 0.5 * math.log(2 / math.pi) - 0.5 * x.square()


@dataclass(frozen=True)
class Block:
    """One block of a latent space.

    Args:
        name: unique within its space; also the suffix of its KL term (``kl_noise``).
        role: what the block is for: ``noise`` z, ``code`` c or ``category`` d.
        prior: ``normal``, ``uniform`` on (-1, 1), or ``categorical`` (one-hot, equal weights).
        dim: number of dimensions; for a categorical block the number of categories K.

    Raises:
        ValueError: a prior that does not fit the role, or a size no block can have.
    """

    name: str
    role: Role
    prior: Prior
    dim: int

    def __post_init__(self) -> None:
        if (self.role == "category") != (self.prior == "categorical"):
            raise ValueError(f"block '{self.name}': role '{self.role}' cannot have the prior '{self.prior}'")
        if self.dim < (2 if self.role == "category" else 1):
            raise ValueError(f"block '{self.name}': {self.dim} dimensions are too few for a {self.role}")

    @property
    def entropy(self) -> float:
        """Entropy of the prior in nats; the constant H(u) of L_MI (Eq. 21)."""
        if self.prior == "categorical":
            return math.log(self.dim)
        return self.dim * (math.log(2) if self.prior == "uniform" else 0.5 * math.log(2 * math.pi * math.e))

    @property
    def parameter_size(self) -> int:
        """Numbers that a posterior of this block needs: K logits, or mean and log-variance of each dimension."""
        return self.dim if self.prior == "categorical" else 2 * self.dim

    def distribution(self, parameters: Tensor) -> Distribution:
        """The distribution with these parameters, shape ``(B, parameter_size)``, over points of shape ``(B, dim)``."""
        if self.prior == "categorical":
            return OneHotCategorical(logits=parameters, validate_args=False)
        mean, log_variance = parameters.chunk(2, dim=-1)
        gaussian = Normal(mean, (0.5 * log_variance.clamp(*LOG_VARIANCE)).exp(), validate_args=False)
        if self.prior == "uniform":
            return Independent(TransformedDistribution(gaussian, ErfTransform(), validate_args=False), 1)
        return Independent(gaussian, 1)


class LatentSpace:
    """Ordered blocks, and the flat ``(B, dim)`` tensors that live in them.

    Raises:
        ValueError: no block, or two of the same name.
    """

    def __init__(self, blocks: Iterable[Block]) -> None:
        self.blocks = tuple(blocks)
        names = [block.name for block in self.blocks]
        if not names or len(set(names)) != len(names):
            raise ValueError(f"a latent space needs at least one block and distinct names, not {names}")
        self.dim = sum(block.dim for block in self.blocks)

    @classmethod
    def from_config(cls, config: Iterable[Mapping[str, Any]]) -> LatentSpace:
        """The space that :attr:`config` describes."""
        return cls(Block(**entry) for entry in config)

    @property
    def config(self) -> list[dict[str, Any]]:
        """Plain data that rebuilds the space, for checkpoint files."""
        return [{"name": b.name, "role": b.role, "prior": b.prior, "dim": b.dim} for b in self.blocks]

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
            raise ValueError(f"latents have {latents.shape[-1]} dimensions; the space {self!r} has {self.dim}")
        parts = latents.split([block.dim for block in self.blocks], dim=-1)
        return {block.name: part for block, part in zip(self.blocks, parts, strict=True)}

    def join(self, parts: Mapping[str, Tensor]) -> Tensor:
        """The inverse of :meth:`split`: flat latents of shape ``(B, dim)``. Blocks of other spaces are ignored."""
        return torch.cat([parts[block.name] for block in self.blocks], dim=-1)

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """``(n, dim)`` draws from the prior, on the generator's device."""
        parts = []
        for block in self.blocks:
            if block.prior == "categorical":
                index = torch.randint(block.dim, (n,), generator=rng, device=rng.device)
                parts.append(torch.nn.functional.one_hot(index, block.dim).float())
            else:
                base = torch.randn(n, block.dim, generator=rng, device=rng.device)
                parts.append(ErfTransform()(base) if block.prior == "uniform" else base)
        return torch.cat(parts, dim=-1)

    def prior(self, device: torch.device | str = "cpu") -> Posterior:
        """The prior as a distribution: what a posterior with all-zero parameters is."""
        return self.posterior(torch.zeros(1, self.parameter_size, device=device))

    def posterior(self, parameters: Tensor) -> Posterior:
        """The factorised distribution with an encoder's output, shape ``(B, parameter_size)``, for parameters."""
        parts = parameters.split([block.parameter_size for block in self.blocks], dim=-1)
        blocks = {b.name: b.distribution(part) for b, part in zip(self.blocks, parts, strict=True)}
        return Posterior(self, blocks, parameters.device)


class Posterior:
    """A product of independent distributions, one per block of a space."""

    def __init__(self, space: LatentSpace, blocks: dict[str, Distribution], device: torch.device) -> None:
        self.space = space
        self.blocks = blocks
        self.device = device

    def rsample(self, temperature: float = TEMPERATURE, straight_through: bool = False) -> Tensor:
        """A differentiable draw of shape ``(B, dim)``.

        Categories are relaxed by Gumbel-softmax (Eq. 10) at this temperature; with ``straight_through`` the value is
        the one-hot vector and the gradient that of the relaxed draw.
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
                parts.append(distribution.rsample())
        return torch.cat(parts, dim=-1)

    @torch.no_grad()
    def sample(self) -> Tensor:
        """A draw of shape ``(B, dim)`` from the distribution itself: categories are exactly one-hot."""
        return torch.cat([self.blocks[block.name].sample() for block in self.space.blocks], dim=-1)

    @property
    def mode(self) -> Tensor:
        """The most probable point, shape ``(B, dim)``; of a uniform block the image of the Gaussian's mode."""
        parts = []
        for block in self.space.blocks:
            distribution = self.blocks[block.name]
            if block.prior == "uniform":
                assert isinstance(distribution, Independent)
                inner = distribution.base_dist
                assert isinstance(inner, TransformedDistribution)
                parts.append(ErfTransform()(inner.base_dist.mode))
            else:
                parts.append(distribution.mode)
        return torch.cat(parts, dim=-1)

    def probabilities(self, name: str) -> Tensor:
        """Probabilities ``(B, K)`` of a categorical block."""
        distribution = self.blocks[name]
        assert isinstance(distribution, OneHotCategorical)
        return distribution.probs

    def log_prob(self, latents: Tensor) -> dict[str, Tensor]:
        """Log-density in nats of each block's part of the flat ``latents``, shape ``(B,)`` each."""
        parts = self.space.split(latents)
        return {name: distribution.log_prob(parts[name]) for name, distribution in self.blocks.items()}

    def kl(self) -> dict[str, Tensor]:
        """Closed-form Kullback-Leibler divergence in nats from the prior, per block, shape ``(B,)`` each."""
        prior = self.space.prior(self.device)
        return {name: kl_divergence(q, prior.blocks[name]) for name, q in self.blocks.items()}

    def over(self, space: LatentSpace) -> Posterior:
        """The marginal over some of the blocks. Raises ``KeyError`` for a block that this one has not."""
        return Posterior(space, {block.name: self.blocks[block.name] for block in space.blocks}, self.device)

    def __or__(self, other: Posterior) -> Posterior:
        """The product of two posteriors over disjoint blocks."""
        space = LatentSpace(self.space.blocks + other.space.blocks)
        return Posterior(space, {**self.blocks, **other.blocks}, self.device)
