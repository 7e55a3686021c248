"""What every posterior can do, and what those with a density can do besides.

:class:`ssavl.latents.space.Factorised` keeps both. Who needs more than :class:`Posterior` asks
first: ``isinstance(posterior, Scored)``, or ``Factorised`` where single blocks are looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal, OneHotCategorical

from ssavl.latents.space import Factorised, LatentSpace


class Posterior(Protocol):
    """A distribution q(blocks | x) over the flat latents ``(B, space.dim)`` of B images."""

    @property
    def space(self) -> LatentSpace:
        """The blocks that it is over."""
        ...

    def rsample(self, temperature: float = ..., straight_through: bool = ...) -> Tensor:
        """A differentiable draw ``(B, dim)``, as :meth:`Factorised.rsample`."""
        ...

    def sample(self) -> Tensor:
        """A draw ``(B, dim)``; categories are exactly one-hot."""
        ...

    @property
    def mode(self) -> Tensor:
        """Latents ``(B, dim)`` that stand for the whole: the likeliest, or the only ones."""
        ...


@runtime_checkable
class Scored(Protocol):
    """A posterior with a density. Nats, ``(B,)`` per block, by the block's name."""

    @property
    def space(self) -> LatentSpace:
        """The blocks that it is over."""
        ...

    def sample(self) -> Tensor:
        """A draw ``(B, dim)``; categories are exactly one-hot."""
        ...

    def log_prob(self, latents: Tensor) -> dict[str, Tensor]:
        """Log-density of flat latents ``(B, dim)``."""
        ...

    def kl(self) -> dict[str, Tensor]:
        """Kullback-Leibler divergence from the prior."""
        ...


def scored_part(posterior: Posterior, names: Collection[str]) -> Scored | None:
    """The posterior of some of its blocks, where that has a density; else ``None``.

    A factorised one has that of any; another one with a density is taken whole or not at all.

    Args:
        names: of the blocks, in order.
    """
    own = {block.name: block for block in posterior.space.blocks}
    if not names or any(name not in own for name in names):
        return None
    if isinstance(posterior, Factorised):
        return posterior.over(LatentSpace(own[name] for name in names))
    return posterior if isinstance(posterior, Scored) and len(names) == len(own) else None


def joined(parts: Sequence[Factorised]) -> Factorised:
    """Posteriors over one space of images in a row as one."""
    first = parts[0]
    blocks: dict[str, Distribution] = {}
    for block in first.space.blocks:
        if block.role == "category":
            logits = torch.cat([part.log_probabilities(block.name) for part in parts])
            blocks[block.name] = OneHotCategorical(logits=logits, validate_args=False)
            continue
        normals = [part.gaussian(block.name) for part in parts]
        mean, deviation = (torch.cat([getattr(n, a) for n in normals]) for a in ("loc", "scale"))
        normal = Normal(mean, deviation, validate_args=False)
        blocks[block.name] = Independent(normal, 1, validate_args=False)
    return Factorised(first.space, blocks, first.device)
