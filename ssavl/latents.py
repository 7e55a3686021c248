r"""Latent spaces: ordered blocks with priors, and the factorised distributions over them.

A generator's input is one flat tensor of shape ``(B, D)``, the concatenation of its blocks
(Ye & Bors 2024, Eq. 3)

.. math:: z \sim \mathcal N(0, I), \qquad c \sim U(-1, 1)^n \text{ or } \mathcal N(0, I), \qquad
          d \sim \mathrm{Cat}(K, 1/K).

Every block but a category is the image of a Gaussian *base variable* :math:`u \sim \mathcal N(0, I)`: the identity
for a normal prior, :math:`\mathrm{erf}(u / \sqrt 2)` for a uniform one, :math:`\Phi^{-1}` of a squeezed :math:`\Phi(u)`
for a truncated one, :math:`\sqrt n\, u / \lVert u \rVert` for a sphere. Posteriors are Gaussian in base space, so every
divergence from the prior is closed-form whatever the prior.
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
    constraints,
    kl_divergence,
)

Role = Literal["noise", "code", "category"]
Prior = Literal["normal", "uniform", "truncated-normal", "sphere", "categorical"]

TRUNCATION = 2.0  # of a truncated normal prior, in standard deviations; what BigGAN and its clones draw from
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


class TruncationTransform(Transform):
    r"""The bijection :math:`\Phi^{-1}(\Phi(-t) + (2 \Phi(t) - 1) \Phi(u))` from the line onto (-t, t): N(0, 1) cut."""

    domain = constraints.real
    codomain = constraints.interval(-TRUNCATION, TRUNCATION)
    bijective = True
    sign = +1

    _mass = math.erf(TRUNCATION / math.sqrt(2))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TruncationTransform)

    def __hash__(self) -> int:
        return hash(TruncationTransform)

    # In erf rather than Phi: both are odd, so neither tail loses digits to 1 - tiny.
    def _call(self, x: Tensor) -> Tensor:
        return math.sqrt(2) * torch.erfinv(self._mass * torch.erf(x / math.sqrt(2)))

    def _inverse(self, y: Tensor) -> Tensor:
        inside = 1 - torch.finfo(y.dtype).eps
        return math.sqrt(2) * torch.erfinv((torch.erf(y / math.sqrt(2)) / self._mass).clamp(-inside, inside))

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return math.log(self._mass) - 0.5 * x.square() + 0.5 * y.square()


BIJECTIONS: dict[str, Transform] = {"uniform": ErfTransform(), "truncated-normal": TruncationTransform()}


@dataclass(frozen=True)
class Block:
    """One block of a latent space.

    Args:
        name: unique within its space; also the suffix of its KL term (``kl_noise``).
        role: what the block is for: ``noise`` z, ``code`` c or ``category`` d.
        prior: ``normal``, ``uniform`` on (-1, 1), ``truncated-normal`` (at 2), ``sphere`` (uniform on the sphere of
            radius sqrt(dim), as ProGAN and StyleGAN normalise), or ``categorical`` (one-hot, equal weights).
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
        if self.dim < (2 if self.role == "category" or self.prior == "sphere" else 1):
            raise ValueError(f"block '{self.name}': {self.dim} dimensions are too few for a {self.role}")

    @property
    def entropy(self) -> float:
        """Entropy of the prior in nats, of a sphere its base variable's; the constant H(u) of L_MI (Eq. 21)."""
        gaussian = 0.5 * math.log(2 * math.pi * math.e)
        match self.prior:
            case "categorical":
                return math.log(self.dim)
            case "uniform":
                return self.dim * math.log(2)
            case "truncated-normal":
                mass = math.erf(TRUNCATION / math.sqrt(2))
                density = math.exp(-0.5 * TRUNCATION**2) / math.sqrt(2 * math.pi)
                return self.dim * (gaussian + math.log(mass) - TRUNCATION * density / mass)
            case _:
                return self.dim * gaussian

    @property
    def parameter_size(self) -> int:
        """Numbers that a posterior of this block needs: K logits, or mean and log-variance of each dimension."""
        return self.dim if self.prior == "categorical" else 2 * self.dim

    def distribution(self, parameters: Tensor) -> Distribution:
        """The distribution in base space with these parameters, shape ``(B, parameter_size)``, over ``(B, dim)``."""
        if self.prior == "categorical":
            return OneHotCategorical(logits=parameters, validate_args=False)
        mean, log_variance = parameters.chunk(2, dim=-1)
        deviation = (0.5 * log_variance.clamp(*LOG_VARIANCE)).exp()
        return Independent(Normal(mean, deviation, validate_args=False), 1)

    def from_base(self, base: Tensor) -> Tensor:
        """Points ``(..., dim)`` of base space as latents; the identity for a normal or categorical block."""
        if self.prior == "sphere":
            return math.sqrt(self.dim) * torch.nn.functional.normalize(base, dim=-1)
        return BIJECTIONS[self.prior](base) if self.prior in BIJECTIONS else base

    def to_base(self, values: Tensor) -> Tensor:
        """Latents ``(..., dim)`` in base space; a point of a sphere stands for its whole ray."""
        return BIJECTIONS[self.prior].inv(values) if self.prior in BIJECTIONS else values

    def log_jacobian(self, base: Tensor, values: Tensor) -> Tensor | float:
        """Log-volume change of :meth:`from_base` in nats, ``(..., dim)``; 0 where it is no bijection of the line."""
        if self.prior not in BIJECTIONS:
            return 0.0
        return BIJECTIONS[self.prior].log_abs_det_jacobian(base, values)


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

    def from_base(self, base: Tensor) -> Tensor:
        """Points ``(..., dim)`` of base space as latents."""
        parts = self.split(base)
        return torch.cat([block.from_base(parts[block.name]) for block in self.blocks], dim=-1)

    def to_base(self, latents: Tensor) -> Tensor:
        """Latents ``(..., dim)`` in base space, where the prior of every block but a category is N(0, I)."""
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
                parts.append(block.from_base(torch.randn(n, block.dim, generator=rng, device=rng.device)))
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
    """A product of independent distributions, one per block of a space, Gaussian in base space or categorical.

    Attributes:
        blocks: the distributions in base space, by name.
    """

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
                parts.append(block.from_base(distribution.rsample()))
        return torch.cat(parts, dim=-1)

    @torch.no_grad()
    def sample(self) -> Tensor:
        """A draw of shape ``(B, dim)`` from the distribution itself: categories are exactly one-hot."""
        return torch.cat([b.from_base(self.blocks[b.name].sample()) for b in self.space.blocks], dim=-1)

    @property
    def mode(self) -> Tensor:
        """Latents ``(B, dim)`` at the mode in base space."""
        return torch.cat([block.from_base(self.blocks[block.name].mode) for block in self.space.blocks], dim=-1)

    def gaussian(self, name: str) -> Normal:
        """A continuous block's Gaussian in base space, over single dimensions ``(B, dim)``."""
        distribution = self.blocks[name]
        assert isinstance(distribution, Independent)
        normal = distribution.base_dist
        assert isinstance(normal, Normal)
        return normal

    def probabilities(self, name: str) -> Tensor:
        """Probabilities ``(B, K)`` of a categorical block."""
        distribution = self.blocks[name]
        assert isinstance(distribution, OneHotCategorical)
        return distribution.probs

    def log_probabilities(self, name: str) -> Tensor:
        """Their logarithms ``(B, K)``, finite where the probabilities underflow."""
        distribution = self.blocks[name]
        assert isinstance(distribution, OneHotCategorical)
        return distribution.logits

    def log_prob(self, latents: Tensor) -> dict[str, Tensor]:
        """Log-density in nats of each block's part of the flat ``latents``, shape ``(B,)`` each.

        On a sphere it is the base variable's density at the point itself, because that of a projected Gaussian has no
        closed form.
        """
        parts = self.space.split(latents)
        result = {}
        for block in self.space.blocks:
            values = parts[block.name]
            if block.prior == "categorical":
                result[block.name] = self.blocks[block.name].log_prob(values)
            else:
                base = block.to_base(values)
                densities = self.gaussian(block.name).log_prob(base) - block.log_jacobian(base, values)
                result[block.name] = densities.sum(-1)
        return result

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
