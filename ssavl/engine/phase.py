"""Phases: what is trained, by which loss, how often."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor, nn

Loss = Callable[[int], Mapping[str, Tensor]]


@dataclass(frozen=True)
class Phase:
    """One optimiser step of an iteration.

    Attributes:
        name: of the phase, in logs and messages.
        modules: names of the modules whose parameters it updates; no other parameter gets a
            gradient.
        loss: from the number of this update, counted from 0 over the whole run, to per-sample
            terms, shape ``(B,)`` each. The mean of ``loss`` is minimised; the others are logged
            beside it as ``<phase>/<term>``.
        repeats: steps per iteration (``n_critic`` for a critic).
    """

    name: str
    modules: tuple[str, ...]
    loss: Loss
    repeats: int = 1


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Hold a module still: no gradient for its parameters and no update of its BatchNorm
    statistics.

    Gradients still flow *through* it to its input. ``requires_grad`` alone would let the statistics
    move.
    """
    training = {part: part.training for part in module.modules()}
    requires_grad = {parameter: parameter.requires_grad for parameter in module.parameters()}
    module.eval().requires_grad_(False)
    try:
        yield
    finally:
        for part, mode in training.items():
            part.training = mode
        for parameter, flag in requires_grad.items():
            parameter.requires_grad_(flag)
