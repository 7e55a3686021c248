r"""Inversion by optimisation: from a start, down the reconstruction error,
with the prior as a penalty.

.. math:: \min_u \; \lVert x - G(t(u)) \rVert^2 + \tfrac \lambda 2 \lVert u \rVert^2,

u in base space, where every prior is N(0, I), and t the map onto the prior. An encoder's posterior
sets the scale, which nothing else can give: steps are taken in units of its deviations, so that
dimensions which the image tells move little and the others freely.
A category has no gradient. It stays as the start has it, or (``relax``) is a point of the simplex
for the first half of the steps (softmax of free logits), then its likeliest value, so that the
result is always a point of the latent space. The best so far is kept, the start among them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from ssavl.errors import UserError
from ssavl.generators.protocol import Generator
from ssavl.inversion.lbfgs import minimise
from ssavl.latents.posterior import Posterior
from ssavl.latents.space import Factorised, LatentSpace
from ssavl.params.arguments import choice, weight, whole

Optimiser = Literal["adam", "lbfgs"]

# of the start's category over the others: it has most of the mass and can still lose it
START_LOGIT = 4.0


@dataclass(frozen=True)
class Refinement:
    """How to optimise.

    Attributes:
        steps: of Adam, or evaluations of L-BFGS: either is a pass forth and back.
        optimiser: ``lbfgs`` with curvature and line search of each image's own, or ``adam``.
        learning_rate: of Adam, falling to 0 along a cosine; L-BFGS finds its own steps.
        prior_weight: lambda, in units of squared pixel error.
        relax: whether categories may change: for a start that does not know them.

    Raises:
        UserError: a value that is none.
    """

    steps: int
    optimiser: Optimiser = "lbfgs"
    learning_rate: float = 0.1
    prior_weight: float = 0.001
    relax: bool = False

    def __post_init__(self) -> None:
        whole("steps", self.steps)
        choice("optimiser", self.optimiser, get_args(Optimiser))
        weight("learning_rate", self.learning_rate)
        weight("prior_weight", self.prior_weight)


@dataclass(frozen=True)
class Refined:
    """What came of it, for a batch of B images.

    Attributes:
        latents: ``(B, D)``, the best seen.
        start_errors, errors: squared error of start and end, summed over channels and pixels,
            ``(B,)``.
        passes: forth and back through the generator, per image.
    """

    latents: Tensor
    start_errors: Tensor
    errors: Tensor
    passes: int

    @classmethod
    def join(cls, parts: Sequence[Refined]) -> Refined:
        """Batches one after the other."""
        latents, start_errors, errors = (
            torch.cat([getattr(part, name) for part in parts])
            for name in ("latents", "start_errors", "errors")
        )
        return cls(latents, start_errors, errors, max(part.passes for part in parts))


Optimise = Callable[[Callable[[Tensor], Tensor], Tensor, Refinement, int, int], Tensor]


def refine(
    x: Tensor,
    start: Tensor,
    generator: Generator,
    refinement: Refinement,
    deviations: Tensor | None = None,
) -> Refined:
    """Improve latents of a batch of images; none depends on its neighbours.

    Args:
        x: images ``(B, C, H, W)`` in [0, 1].
        start: latents ``(B, D)``, say an encoder's mode.
        generator: frozen; gradients flow through it.
        deviations: ``(B, D)`` in base space, an encoder's: the scale of steps. ``None`` is the
            prior's, 1.

    Raises:
        UserError: a generator that passes no gradient.
    """
    search = _Search(x, start, generator, refinement.prior_weight, deviations)
    with torch.no_grad():
        search.losses(search.origin, relaxed=False)
    start_errors = search.best_error
    relaxed_steps = refinement.steps // 2 if refinement.relax and search.categories else 0
    with torch.enable_grad():
        for relaxed, first, last in (
            (True, 0, relaxed_steps),
            (False, relaxed_steps, refinement.steps),
        ):
            if first < last:
                search.move(
                    _adam if refinement.optimiser == "adam" else _lbfgs,
                    refinement,
                    relaxed,
                    first,
                    last,
                )
    return Refined(search.best, start_errors, search.best_error, search.passes)


class _Search:
    """The optimisation of one batch: the point, the best so far, and the count of passes."""

    def __init__(
        self,
        x: Tensor,
        start: Tensor,
        generator: Generator,
        prior_weight: float,
        deviations: Tensor | None,
    ) -> None:
        self.x, self.generator, self.prior_weight = x, generator, prior_weight
        self.space: LatentSpace = generator.latent_space
        self.categories = {block.name for block in self.space.of_role("category")}
        parts = self.space.split(self.space.to_base(start))
        self.origin = self.space.join(
            {
                name: START_LOGIT * part if name in self.categories else part
                for name, part in parts.items()
            }
        )
        self.scale = torch.ones_like(self.origin) if deviations is None else deviations
        self.best = start.clone()
        self.best_loss = torch.full((len(x),), math.inf, device=x.device)
        self.best_error = self.best_loss.clone()
        self.passes = 0

    def move(
        self, optimise: Optimise, refinement: Refinement, relaxed: bool, first: int, last: int
    ) -> None:
        """Take the steps from ``first`` to ``last`` of the refinement, in units of ``scale``."""

        def losses(steps: Tensor) -> Tensor:
            return self.losses(self.origin + self.scale * steps, relaxed)

        self.origin = self.origin + self.scale * optimise(
            losses, torch.zeros_like(self.origin), refinement, first, last
        )

    def latents(self, base: Tensor, relaxed: bool) -> Tensor:
        parts = {}
        for block in self.space.blocks:
            part = self.space.split(base)[block.name]
            if block.role != "category":
                parts[block.name] = block.from_base(part)
            elif relaxed:
                parts[block.name] = part.softmax(-1)
            else:
                parts[block.name] = torch.nn.functional.one_hot(part.argmax(-1), block.dim).to(
                    part.dtype
                )
        return self.space.join(parts)

    def losses(self, base: Tensor, relaxed: bool) -> Tensor:
        """The objective ``(B,)`` at a point, which becomes the best where it is a valid one and
        better.
        """
        latents = self.latents(base, relaxed)
        error = (self.x - self.generator(latents)).square().flatten(1).sum(1)
        if base.requires_grad and not error.requires_grad:
            raise UserError(
                "the generator passes no gradient to its latents: "
                "it can be encoded for, not refined"
            )
        parts = self.space.split(base)
        # On a sphere the radius is free: a pull on it would change nothing but the conditioning.
        pulled = [
            parts[b.name] for b in self.space.blocks if b.role != "category" and b.prior != "sphere"
        ]
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


def _adam(
    losses: Callable[[Tensor], Tensor], start: Tensor, refinement: Refinement, first: int, last: int
) -> Tensor:
    point = start.clone().requires_grad_(True)
    optimiser = torch.optim.Adam([point])
    for step in range(first, last):
        for group in optimiser.param_groups:
            group["lr"] = (
                refinement.learning_rate * 0.5 * (1 + math.cos(math.pi * step / refinement.steps))
            )
        optimiser.zero_grad()
        losses(point).sum().backward()
        optimiser.step()
    with torch.no_grad():
        losses(point)  # the last step's own point has not been looked at
    return point.detach()


def _lbfgs(
    losses: Callable[[Tensor], Tensor], start: Tensor, refinement: Refinement, first: int, last: int
) -> Tensor:
    return minimise(losses, start, last - first)


def deviations(posterior: Posterior, space: LatentSpace) -> Tensor:
    """Deviations of a posterior in base space ``(B, space.dim)``: the scale of steps.

    1, the prior's, for a category and for what is not inferred, or inferred without any.
    """
    known = {}
    if isinstance(posterior, Factorised):
        inferred = posterior.space.of_role("noise", "code")
        known = {block.name: posterior.gaussian(block.name).stddev for block in inferred}
    mode = posterior.mode
    ones = torch.ones(len(mode), space.dim, device=mode.device)
    return space.join({**space.split(ones), **known})
