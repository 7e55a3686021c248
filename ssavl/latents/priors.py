r"""Priors of a latent space's blocks, each the image of a Gaussian.

Every block but a category is the image of a Gaussian *base variable*
:math:`u \sim \mathcal N(0, I)`: the identity for a normal prior, :math:`\mathrm{erf}(u / \sqrt 2)`
for a uniform one, :math:`\Phi^{-1}` of a squeezed :math:`\Phi(u)` for a truncated one,
:math:`\sqrt n\, u / \lVert u \rVert` for a sphere. Posteriors are Gaussian in base space, or
categories, so every divergence from the prior is closed-form whatever the prior, and a new prior is
one more map (``from_base``, ``to_base``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import get_args

import torch
from torch import Tensor, nn
from torch.distributions import (
    Distribution,
    Independent,
    Normal,
    OneHotCategorical,
    Transform,
    constraints,
)

from ssavl.latents.names import NAME, Prior, Role

# of a truncated normal prior, in standard deviations; what BigGAN and its clones draw from
TRUNCATION = 2.0
# a block's head is an entry of one: "values", say, would hide a method
TAKEN = frozenset(dir(nn.ModuleDict()))

# bounds on an encoder's log-variance: outside, float32 densities overflow
LOG_VARIANCE = (-12.0, 6.0)


class ErfTransform(Transform):
    r"""The bijection :math:`c = \mathrm{erf}(u / \sqrt 2)` from the line onto (-1, 1):
    it makes N(0, 1) uniform.
    """

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
        # Rounding puts |u| > 5.4 on the border itself, where erfinv is infinite: step one float
        # inside.
        inside = 1 - torch.finfo(y.dtype).eps
        return math.sqrt(2) * torch.erfinv(y.clamp(-inside, inside))

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return 0.5 * math.log(2 / math.pi) - 0.5 * x.square()


class TruncationTransform(Transform):
    r"""The bijection :math:`\Phi^{-1}(\Phi(-t) + (2 \Phi(t) - 1) \Phi(u))` from the line onto
    (-t, t): N(0, 1) cut.
    """

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
        return math.sqrt(2) * torch.erfinv(
            (torch.erf(y / math.sqrt(2)) / self._mass).clamp(-inside, inside)
        )

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return math.log(self._mass) - 0.5 * x.square() + 0.5 * y.square()


BIJECTIONS: dict[str, Transform] = {
    "uniform": ErfTransform(),
    "truncated-normal": TruncationTransform(),
}


@dataclass(frozen=True)
class Block:
    """One block of a latent space.

    Args:
        name: unique within its space; letters, digits, ``-`` and ``_``. Also the suffix of its KL
            term (``kl_noise``).
        role: what the block is for: ``noise`` z, ``code`` c or ``category`` d.
        prior: ``normal``, ``uniform`` on (-1, 1), ``truncated-normal`` (at 2), ``sphere`` (uniform
            on the sphere of radius sqrt(dim), as ProGAN and StyleGAN normalise), or ``categorical``
            (one-hot, equal weights).
        dim: number of dimensions; for a categorical block the number of categories K.

    Raises:
        ValueError: a name of other characters, a prior that does not fit the role, or a size no
            block can have.
    """

    name: str
    role: Role
    prior: Prior
    dim: int

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not NAME.fullmatch(self.name) or self.name in TAKEN:
            raise ValueError(
                f"{self.name!r:.80} cannot be the name of a block: use letters, digits, '-' and '_'"
            )
        if self.role not in get_args(Role) or self.prior not in get_args(Prior):
            raise ValueError(
                f"block '{self.name}': no role {self.role!r:.40} or no prior {self.prior!r:.40}"
            )
        if (self.role == "category") != (self.prior == "categorical"):
            raise ValueError(
                f"block '{self.name}': role '{self.role}' cannot have the prior '{self.prior}'"
            )
        if self.dim < (2 if self.role == "category" or self.prior == "sphere" else 1):
            raise ValueError(
                f"block '{self.name}': {self.dim} dimensions are too few for a {self.role}"
            )

    @property
    def entropy(self) -> float:
        """Entropy of the prior in nats, of a sphere its base variable's;
        the constant H(u) of L_MI (Eq. 21).
        """
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
        """Numbers that a posterior of this block needs:
        K logits, or mean and log-variance of each dimension.
        """
        return self.dim if self.prior == "categorical" else 2 * self.dim

    def distribution(self, parameters: Tensor) -> Distribution:
        """The distribution in base space with these parameters, shape ``(B, parameter_size)``,
        over ``(B, dim)``.
        """
        if self.prior == "categorical":
            return OneHotCategorical(logits=parameters, validate_args=False)
        mean, log_variance = parameters.chunk(2, dim=-1)
        deviation = (0.5 * log_variance.clamp(*LOG_VARIANCE)).exp()
        return Independent(Normal(mean, deviation, validate_args=False), 1)

    def mode(self, parameters: Tensor) -> Tensor:
        """Where the distribution with these parameters ``(B, parameter_size)`` is highest in base
        space, as latents ``(B, dim)``, without building it: a tenth of the time, and traceable.
        """
        if self.prior == "categorical":
            highest = parameters.argmax(-1, keepdim=True)
            return torch.zeros_like(parameters).scatter_(-1, highest, 1.0)
        return self.from_base(parameters[:, : self.dim])

    def from_base(self, base: Tensor) -> Tensor:
        """Points ``(..., dim)`` of base space as latents;
        the identity for a normal or categorical block.
        """
        if self.prior == "sphere":
            return math.sqrt(self.dim) * torch.nn.functional.normalize(base, dim=-1)
        return BIJECTIONS[self.prior](base) if self.prior in BIJECTIONS else base

    def to_base(self, values: Tensor) -> Tensor:
        """Latents ``(..., dim)`` in base space; a point of a sphere stands for its whole ray."""
        return BIJECTIONS[self.prior].inv(values) if self.prior in BIJECTIONS else values

    def log_jacobian(self, base: Tensor, values: Tensor) -> Tensor | float:
        """Log-volume change of :meth:`from_base` in nats, ``(..., dim)``;
        0 where it is no bijection of the line.
        """
        if self.prior not in BIJECTIONS:
            return 0.0
        return BIJECTIONS[self.prior].log_abs_det_jacobian(base, values)
