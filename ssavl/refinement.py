r"""Inversion by optimisation: from a start, down the reconstruction error, with the prior as a penalty.

.. math:: \min_u \; \lVert x - G(t(u)) \rVert^2 + \tfrac \lambda 2 \lVert u \rVert^2,

u in base space, where every prior is N(0, I), and t the map onto the prior. A category has no gradient: for the first
half of the steps it is a point of the simplex (softmax of free logits), then its likeliest value, so that the result is
always a point of the latent space. The best such point so far is kept, the start among them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ssavl.errors import UserError
from ssavl.generators.protocol import Generator
from ssavl.latents import LatentSpace

Optimiser = Literal["adam", "lbfgs"]

LEARNING_RATES: dict[Optimiser, float] = {"adam": 0.1, "lbfgs": 1.0}
START_LOGIT = 4.0  # of the start's category over the others: it has most of the mass and can still lose it


@dataclass(frozen=True)
class Refinement:
    """How to optimise.

    Attributes:
        steps: of Adam, or evaluations of L-BFGS: in either case passes through the generator, forth and back.
        optimiser: ``adam`` takes a whole batch at once; ``lbfgs`` (strong Wolfe line search) each image on its own,
            because curvature and step length are an image's own.
        learning_rate: of Adam, falling to 0 along a cosine; of L-BFGS the first trial's length; ``None`` is the
            optimiser's own of ``LEARNING_RATES``.
        prior_weight: lambda, in units of squared pixel error.
    """

    steps: int
    optimiser: Optimiser = "adam"
    learning_rate: float | None = None
    prior_weight: float = 0.01

    @property
    def rate(self) -> float:
        """The learning rate that counts."""
        return LEARNING_RATES[self.optimiser] if self.learning_rate is None else self.learning_rate


@dataclass(frozen=True)
class Refined:
    """What came of it, for a batch of B images.

    Attributes:
        latents: ``(B, D)``, the best seen.
        start_errors, errors: squared error of start and end, summed over channels and pixels, ``(B,)``.
        passes: through the generator per image, with their gradients; each counts as forth and back.
    """

    latents: Tensor
    start_errors: Tensor
    errors: Tensor
    passes: int

    @classmethod
    def join(cls, parts: Sequence[Refined]) -> Refined:
        """Batches one after the other."""
        latents, start_errors, errors = (
            torch.cat([getattr(part, name) for part in parts]) for name in ("latents", "start_errors", "errors")
        )
        return cls(latents, start_errors, errors, max(part.passes for part in parts))


def refine(x: Tensor, start: Tensor, generator: Generator, refinement: Refinement) -> Refined:
    """Improve latents of images, gradient by gradient.

    Args:
        x: images ``(B, C, H, W)`` in [0, 1].
        start: latents ``(B, D)``, say an encoder's mode.
        generator: frozen; gradients flow through it.

    Raises:
        UserError: a generator that passes no gradient.
    """
    if refinement.optimiser == "adam":
        return _refine(x, start, generator, refinement)
    return Refined.join(
        [_refine(x[i : i + 1], start[i : i + 1], generator, refinement) for i in range(len(x))],
    )


class _Search:
    """The optimisation of one batch: the point, the best so far, and the count of passes."""

    def __init__(self, x: Tensor, start: Tensor, generator: Generator, prior_weight: float) -> None:
        self.x, self.generator, self.prior_weight = x, generator, prior_weight
        self.space: LatentSpace = generator.latent_space
        self.categories = {block.name for block in self.space.of_role("category")}
        parts = self.space.split(self.space.to_base(start))
        self.base = self.space.join(
            {name: START_LOGIT * part if name in self.categories else part for name, part in parts.items()}
        )
        self.best = start.clone()
        self.best_loss = torch.full((len(x),), math.inf, device=x.device)
        self.best_error = self.best_loss.clone()
        self.passes = 0

    def latents(self, base: Tensor, relaxed: bool) -> Tensor:
        parts = {}
        for block in self.space.blocks:
            part = self.space.split(base)[block.name]
            if block.role != "category":
                parts[block.name] = block.from_base(part)
            elif relaxed:
                parts[block.name] = part.softmax(-1)
            else:
                parts[block.name] = torch.nn.functional.one_hot(part.argmax(-1), block.dim).to(part.dtype)
        return self.space.join(parts)

    def losses(self, base: Tensor, relaxed: bool) -> Tensor:
        """The objective ``(B,)`` at a point, which becomes the best where it is a valid one and better."""
        latents = self.latents(base, relaxed)
        error = (self.x - self.generator(latents)).square().flatten(1).sum(1)
        if base.requires_grad and not error.requires_grad:
            raise UserError("the generator passes no gradient to its latents: it can be encoded for, not refined")
        parts = self.space.split(base)
        # On a sphere the radius is free: a pull on it would change nothing but the conditioning.
        pulled = [parts[b.name] for b in self.space.blocks if b.role != "category" and b.prior != "sphere"]
        loss = error
        if pulled and self.prior_weight:
            loss = error + self.prior_weight / 2 * torch.cat(pulled, dim=1).square().sum(1)
        if not relaxed:
            better = loss.detach() < self.best_loss
            self.best_loss = torch.where(better, loss.detach(), self.best_loss)
            self.best_error = torch.where(better, error.detach(), self.best_error)
            self.best = torch.where(better[:, None], latents.detach(), self.best)
        self.passes += 1
        return loss


def _refine(x: Tensor, start: Tensor, generator: Generator, refinement: Refinement) -> Refined:
    search = _Search(x, start, generator, refinement.prior_weight)
    with torch.no_grad():
        search.losses(search.base, relaxed=False)
    start_errors = search.best_error
    relaxed_steps = refinement.steps // 2 if search.categories else 0
    with torch.enable_grad():
        for relaxed, steps in ((True, relaxed_steps), (False, refinement.steps - relaxed_steps)):
            if not steps:
                continue
            if refinement.optimiser == "adam":
                _adam(search, refinement, relaxed, relaxed_steps * (not relaxed), steps)
            else:
                _lbfgs(search, refinement, relaxed, steps)
    if refinement.steps and refinement.optimiser == "adam":
        with torch.no_grad():
            search.losses(search.base, relaxed=False)
    return Refined(search.best, start_errors, search.best_error, search.passes)


def _adam(search: _Search, refinement: Refinement, relaxed: bool, first: int, steps: int) -> None:
    point = search.base.clone().requires_grad_(True)
    optimiser = torch.optim.Adam([point], lr=refinement.rate)
    for step in range(first, first + steps):
        for group in optimiser.param_groups:
            group["lr"] = refinement.rate * 0.5 * (1 + math.cos(math.pi * step / refinement.steps))
        optimiser.zero_grad()
        search.losses(point, relaxed).sum().backward()
        optimiser.step()
    search.base = point.detach()


def _lbfgs(search: _Search, refinement: Refinement, relaxed: bool, steps: int) -> None:
    point = search.base.clone().requires_grad_(True)
    optimiser = torch.optim.LBFGS(
        [point], refinement.rate, max_iter=steps, max_eval=steps, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = search.losses(point, relaxed)
        loss.sum().backward()
        return loss.detach().sum()

    optimiser.step(closure)
    search.base = point.detach()
