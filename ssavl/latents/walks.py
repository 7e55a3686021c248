"""Walks through a latent space: along one dimension, and from one point to another."""

from __future__ import annotations

import torch
from torch import Tensor

from ssavl.latents.priors import BIJECTIONS, TRUNCATION, Block
from ssavl.latents.space import LatentSpace

# of the way to the border: a bounded prior's border itself is infinitely far in the base variable
EDGE = 0.999
# of a walk, from minus to plus
LIMITS = {"normal": 3.0, "sphere": 3.0, "uniform": 1.0, "truncated-normal": TRUNCATION}


def values(block: Block, steps: int) -> Tensor:
    """Where a traversal of one dimension stops, ``(steps,)``: -3 to 3,
    or from border to border of a bounded prior.

    Raises:
        ValueError: a categorical block.
    """
    if block.prior == "categorical":
        raise ValueError(
            f"block '{block.name}' is a category: it has values, not a line to walk along"
        )
    limit = LIMITS[block.prior] * (EDGE if block.prior in BIJECTIONS else 1.0)
    return torch.linspace(-limit, limit, steps)


def traverse(
    latents: Tensor, space: LatentSpace, block: Block, dimension: int, steps: int
) -> Tensor:
    """``(R, D)`` latents, each walked along one dimension of a block with the rest fixed:
    ``(R, steps, D)``.
    """
    walked = latents[:, None].repeat(1, steps, 1)
    start = 0
    for other in space.blocks:
        if other == block:
            break
        start += other.dim
    walked[:, :, start + dimension] = values(block, steps).to(latents)
    if block.prior == "sphere":  # the other dimensions shrink, so that the walk stays on it
        part = slice(start, start + block.dim)
        walked[:, :, part] = block.from_base(walked[:, :, part])
    return walked


def with_category(latents: Tensor, space: LatentSpace, block: Block, value: int) -> Tensor:
    """The latents ``(B, D)`` with a categorical block set to one of its values."""
    one_hot = torch.zeros(len(latents), block.dim, device=latents.device)
    one_hot[:, value] = 1
    return space.join({**space.split(latents), block.name: one_hot})


def interpolate(a: Tensor, b: Tensor, space: LatentSpace, steps: int) -> Tensor:
    """From ``a`` to ``b``, ``(R, D)`` each, in ``(R, steps, D)``.

    Great circles in base space for noise, whose norm concentrates (White 2016); straight lines in
    base space for codes; a category switches half-way.
    """
    weights = torch.linspace(0, 1, steps, device=a.device)
    starts, ends = space.split(a), space.split(b)
    parts = {}
    for block in space.blocks:
        p, q = starts[block.name][:, None], ends[block.name][:, None]
        t = weights[None, :, None]
        if block.role == "category":
            parts[block.name] = torch.where(t < 0.5, p, q)
        else:
            path = _slerp if block.role == "noise" else torch.lerp
            parts[block.name] = block.from_base(path(block.to_base(p), block.to_base(q), t))
    return space.join(parts)


def _slerp(p: Tensor, q: Tensor, t: Tensor) -> Tensor:
    cosine = torch.nn.functional.cosine_similarity(p, q, dim=-1)[..., None].clamp(-1, 1)
    angle = torch.acos(cosine)
    sine = torch.sin(angle)
    # a straight line there: the great circle is undefined or as good as straight
    parallel = sine < 1e-4
    safe = torch.where(parallel, torch.ones_like(sine), sine)
    circle = (torch.sin((1 - t) * angle) * p + torch.sin(t * angle) * q) / safe
    return torch.where(
        parallel, torch.lerp(p.expand_as(circle), q.expand_as(circle), t.expand_as(circle)), circle
    )
