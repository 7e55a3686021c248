"""Walks through a latent space: along one dimension, and from one point to another."""

from __future__ import annotations

import torch
from torch import Tensor

from ssavl.latents import Block, ErfTransform, LatentSpace

EDGE = 0.999  # where a walk along a uniform code ends: +-1 itself is infinitely far in the base variable


def values(block: Block, steps: int) -> Tensor:
    """Where a traversal of one dimension stops, ``(steps,)``: -1 to 1 for a uniform block, -3 to 3 for a normal one.

    Raises:
        ValueError: a categorical block.
    """
    if block.prior == "categorical":
        raise ValueError(f"block '{block.name}' is a category: it has values, not a line to walk along")
    limit = EDGE if block.prior == "uniform" else 3.0
    return torch.linspace(-limit, limit, steps)


def traverse(latents: Tensor, space: LatentSpace, block: Block, dimension: int, steps: int) -> Tensor:
    """``(R, D)`` latents, each walked along one dimension of a block with the rest fixed: ``(R, steps, D)``."""
    walked = latents[:, None].repeat(1, steps, 1)
    start = 0
    for other in space.blocks:
        if other == block:
            break
        start += other.dim
    walked[:, :, start + dimension] = values(block, steps).to(latents)
    return walked


def interpolate(a: Tensor, b: Tensor, space: LatentSpace, steps: int) -> Tensor:
    """From ``a`` to ``b``, ``(R, D)`` each, in ``(R, steps, D)``.

    Great circles for noise, whose norm concentrates (White 2016); straight lines for codes, in the base variable u
    where the prior is uniform; a category switches half-way.
    """
    weights = torch.linspace(0, 1, steps, device=a.device)
    starts, ends = space.split(a), space.split(b)
    parts = {}
    for block in space.blocks:
        p, q = starts[block.name][:, None], ends[block.name][:, None]
        t = weights[None, :, None]
        if block.role == "category":
            parts[block.name] = torch.where(t < 0.5, p, q)
        elif block.role == "noise":
            parts[block.name] = _slerp(p, q, t)
        elif block.prior == "uniform":
            erf = ErfTransform()
            parts[block.name] = erf(torch.lerp(erf.inv(p), erf.inv(q), t))
        else:
            parts[block.name] = torch.lerp(p, q, t)
    return space.join(parts)


def _slerp(p: Tensor, q: Tensor, t: Tensor) -> Tensor:
    cosine = torch.nn.functional.cosine_similarity(p, q, dim=-1)[..., None].clamp(-1, 1)
    angle = torch.acos(cosine)
    sine = torch.sin(angle)
    parallel = sine < 1e-4  # a straight line there: the great circle is undefined or as good as straight
    safe = torch.where(parallel, torch.ones_like(sine), sine)
    circle = (torch.sin((1 - t) * angle) * p + torch.sin(t * angle) * q) / safe
    return torch.where(parallel, torch.lerp(p.expand_as(circle), q.expand_as(circle), t.expand_as(circle)), circle)
