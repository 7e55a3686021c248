"""The continuous part of latents: every block but the categories, in base space.

Whatever the priors of these blocks, there their posterior is one Gaussian ``(B, D)`` with
independent dimensions, and their prior is N(0, I).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Normal

from ssavl.latents.space import Factorised, LatentSpace


def gaussian(posterior: Factorised) -> Normal:
    """The posterior of the continuous blocks in a row, over single dimensions ``(B, D)``."""
    parts = [posterior.gaussian(name) for name in _names(posterior.space)]
    mean, deviation = (torch.cat([getattr(n, a) for n in parts], -1) for a in ("loc", "scale"))
    return Normal(mean, deviation, validate_args=False)


def base(latents: Tensor, space: LatentSpace) -> Tensor:
    """The continuous blocks of latents ``(B, space.dim)`` in base space, ``(B, D)``."""
    parts = space.split(space.to_base(latents))
    return torch.cat([parts[name] for name in _names(space)], -1)


def size(space: LatentSpace) -> int:
    """D, how many continuous dimensions there are."""
    return sum(block.dim for block in space.of_role("noise", "code"))


def _names(space: LatentSpace) -> list[str]:
    return [block.name for block in space.of_role("noise", "code")]
