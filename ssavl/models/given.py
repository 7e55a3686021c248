"""Latents that somebody hands over."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ssavl.errors import UserError
from ssavl.latents.space import LatentSpace


def as_latents(latents: Any, space: LatentSpace, what: str = "latents") -> Tensor:
    """Latents as float32 ``(N, D)``, where they were; ``(N, D, 1, 1)`` is taken too.

    Args:
        what: how messages name them.

    Raises:
        UserError: something else than numbers, of another shape, or not finite.
    """
    found = _numbers(latents, what)
    if found.shape[1:] == (space.dim, 1, 1):
        found = found.flatten(1)
    if found.ndim != 2 or found.shape[1] != space.dim:
        raise UserError(
            f"{what}: shape {tuple(found.shape)}; (N, {space.dim}) latents of {space!r} are needed"
        )
    if not torch.isfinite(found).all():
        raise UserError(f"{what}: some numbers are not finite")
    return found.float()


def _numbers(latents: Any, what: str) -> Tensor:
    if not isinstance(latents, Tensor):
        if getattr(getattr(latents, "dtype", None), "kind", "f") not in "fiub":
            raise UserError(f"{what}: {latents.dtype}, where real numbers are needed")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", np.exceptions.ComplexWarning)
                # contiguous, since torch takes no negative strides
                latents = torch.from_numpy(np.array(latents, dtype=np.float32, order="C"))
        except (TypeError, ValueError, OverflowError, np.exceptions.ComplexWarning):
            kind = getattr(latents, "dtype", type(latents).__name__)
            raise UserError(f"{what}: {kind}, where real numbers are needed") from None
    if latents.is_complex() or latents.is_meta or latents.layout is not torch.strided:
        raise UserError(f"{what}: dense tensors of real numbers are needed")
    return latents.detach()


def as_ends(a: Any, b: Any, space: LatentSpace) -> tuple[Tensor, Tensor]:
    """The ends of walks, ``(N, D)`` each.

    Raises:
        UserError: as :func:`as_latents`; another number of ends than of starts.
    """
    starts, ends = as_latents(a, space), as_latents(b, space)
    if len(starts) != len(ends):
        raise UserError(f"{len(starts)} starts and {len(ends)} ends: each start needs its own end")
    return starts, ends
