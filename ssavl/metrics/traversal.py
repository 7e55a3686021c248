r"""What a class survives: how often an image keeps it while one latent dimension is walked along.

A traversal (Figs. 5, 8, 14, 15, 19, 21 of Ye & Bors 2024) should change style and keep the class,
which the category alone may set. For latents drawn from the prior, each continuous dimension is
walked from end to end with all else fixed; *kept* is the share of steps whose class is that of the
same latents as they were drawn. The class is what a classifier of real images says
(:mod:`ssavl.models.extractor`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ssavl.generators.protocol import Generator
from ssavl.latents import walks
from ssavl.latents.priors import Block

Classify = Callable[[Tensor], Tensor]  # images (B, C, H, W) in [0, 1] -> classes (B,)


@torch.no_grad()
def kept(
    generator: Generator, classify: Classify, latents: Tensor, steps: int
) -> dict[str, Tensor]:
    """For each continuous block, the share of steps that keep the class: ``(B, block.dim)``.

    Args:
        latents: ``(B, D)``; B times ``steps`` images are made at a time.
        steps: of a walk, ends included (:func:`ssavl.latents.walks.values`).
    """
    space = generator.latent_space
    drawn = classify(generator(latents))[:, None]
    shares = {}
    for block in space.of_role("noise", "code"):
        columns = []
        for dimension in range(block.dim):
            walked = walks.traverse(latents, space, block, dimension, steps)
            classes = classify(generator(walked.flatten(0, 1))).unflatten(0, (len(latents), steps))
            columns.append((classes == drawn).float().mean(1))
        shares[block.name] = torch.stack(columns, dim=1)
    return shares


@torch.no_grad()
def classes_by_value(
    generator: Generator, classify: Classify, latents: Tensor, block: Block, class_count: int
) -> Tensor:
    """Counts ``(K, class_count)`` of the classes of ``(B, D)`` latents with the category set to
    each of its values.
    """
    counts = []
    for value in range(block.dim):
        switched = walks.with_category(latents, generator.latent_space, block, value)
        counts.append(torch.bincount(classify(generator(switched)).cpu(), minlength=class_count))
    return torch.stack(counts)


def kept_summary(name: str, shares: Tensor) -> dict[str, Any]:
    """``kept`` per dimension of a block over all latents ``(N, dim)``, their mean,
    and the worst.
    """
    each = shares.double().mean(0)
    worst = int(each.argmin())
    return {
        "mean": each.mean().item(),
        "worst": {"dimension": f"{name}_{worst}", "kept": each[worst].item()},
        "kept": each.tolist(),
    }


def contents(counts: Tensor, classes: Sequence[str]) -> list[dict[str, Any]]:
    """What each category value holds: its most frequent class,
    and the share of its samples that are of it.
    """
    shares, found = (counts.double() / counts.sum(1, keepdim=True)).max(1)
    rows = []
    for value in range(len(counts)):
        name = classes[int(found[value])]
        rows.append({"value": value, "class": name, "share": shares[value].item()})
    return rows
