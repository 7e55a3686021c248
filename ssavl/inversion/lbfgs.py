r"""L-BFGS for a batch of independent problems (Liu & Nocedal 1989).

It is our own because ``torch.optim.LBFGS`` takes a batch for one problem with one step length. Each
row has its own curvature pairs, its own step length and its own line search. One evaluation serves
all rows: where a trial is good enough (Armijo) the row moves on to its next direction, elsewhere it
tries a shorter step. So no row waits for another, and its path does not depend on its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

MEMORY = 10  # curvature pairs of each row
ARMIJO = 1e-4  # share of the decrease promised by the slope that a step must keep
SHORTEST, LONGEST = 0.1, 0.5  # of the step before, where a trial fails
CURVED = 1e-10  # relative curvature below which a pair is of no use
LOST = 1e-8  # a step this short starts again down the gradient


def minimise(losses: Callable[[Tensor], Tensor], start: Tensor, evaluations: int) -> Tensor:
    """The best point of each row after so many evaluations, shape ``(B, n)``.

    Args:
        losses: points ``(B, n)`` to losses ``(B,)``, row by row, differentiable.
        start: ``(B, n)``.
        evaluations: of ``losses`` and its gradient, the start's among them.
    """
    point = start.detach().clone()
    loss, gradient = _evaluate(losses, point)
    pairs = _Pairs(point)
    direction = pairs.direction(gradient)
    step = torch.ones_like(loss)
    for _ in range(evaluations - 1):
        slope = _dot(gradient, direction)
        trial = point + step[:, None] * direction
        trial_loss, trial_gradient = _evaluate(losses, trial)
        good = trial_loss <= loss + ARMIJO * step * slope  # a loss that is not finite is not good
        pairs.append(trial - point, trial_gradient - gradient, good)
        # Elsewhere: the minimum of the parabola through both losses and the slope, kept within
        # bounds.
        excess = trial_loss - loss - step * slope
        parabola = torch.nan_to_num(
            -slope * step.square() / (2 * excess), nan=0.0, posinf=0.0, neginf=0.0
        )
        shorter = torch.minimum(torch.maximum(parabola, SHORTEST * step), LONGEST * step)
        lost = ~good & (shorter < LOST)
        pairs.forget(lost)
        point = torch.where(good[:, None], trial, point)
        gradient = torch.where(good[:, None], trial_gradient, gradient)
        loss = torch.where(good, trial_loss, loss)
        renew = good | lost
        direction = torch.where(renew[:, None], pairs.direction(gradient), direction)
        step = torch.where(renew, torch.ones_like(step), shorter)
    return point


class _Pairs:
    """The last steps and changes of the gradient of every row; an empty place has weight 0."""

    def __init__(self, point: Tensor) -> None:
        self.steps = point.new_zeros(MEMORY, *point.shape)
        self.changes = torch.zeros_like(self.steps)
        self.weights = point.new_zeros(MEMORY, len(point))
        # of the inverse Hessian before any pair; 0: by the gradient's length
        self.scale = point.new_zeros(len(point))

    def append(self, step: Tensor, change: Tensor, where: Tensor) -> None:
        curvature, length = _dot(step, change), _dot(change, change)
        where = where & (curvature > CURVED * length)
        safe = torch.where(where, curvature, 1.0)
        self.steps = torch.where(
            where[None, :, None], torch.cat([self.steps[1:], step[None]]), self.steps
        )
        self.changes = torch.where(
            where[None, :, None], torch.cat([self.changes[1:], change[None]]), self.changes
        )
        self.weights = torch.where(
            where[None], torch.cat([self.weights[1:], 1 / safe[None]]), self.weights
        )
        self.scale = torch.where(
            where, curvature / length.clamp_min(torch.finfo(length.dtype).tiny), self.scale
        )

    def forget(self, where: Tensor) -> None:
        self.weights = self.weights.masked_fill(where[None], 0.0)
        self.scale = self.scale.masked_fill(where, 0.0)

    def direction(self, gradient: Tensor) -> Tensor:
        """The two-loop recursion; a place without a pair changes nothing."""
        q = gradient
        shares = []
        for s, y, weight in zip(
            self.steps.flip(0), self.changes.flip(0), self.weights.flip(0), strict=True
        ):
            share = weight * _dot(s, q)
            q = q - share[:, None] * y
            shares.append(share)
        unit = 1 / gradient.norm(dim=1).clamp_min(1.0)  # first step: at most of length 1
        q = torch.where(self.scale > 0, self.scale, unit)[:, None] * q
        for s, y, weight, share in zip(
            self.steps, self.changes, self.weights, reversed(shares), strict=True
        ):
            q = q + (share - weight * _dot(y, q))[:, None] * s
        return -q


def _evaluate(losses: Callable[[Tensor], Tensor], point: Tensor) -> tuple[Tensor, Tensor]:
    point = point.detach().requires_grad_(True)
    loss = losses(point)
    (gradient,) = torch.autograd.grad(loss.sum(), point)
    return loss.detach(), gradient


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(1)
