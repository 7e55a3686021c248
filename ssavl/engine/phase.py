"""Phases: what is trained, by which loss, how often."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor, nn

Loss = Callable[[int], Mapping[str, Tensor]]


@dataclass(frozen=True)
class Phase:
    """Some optimiser steps of an iteration.

    Attributes:
        name: of the phase, in logs and messages.
        modules: names of the modules whose parameters it updates; no other parameter gets a
            gradient.
        loss: from the number of this update, counted from 0 over the whole act, to per-sample
            terms, shape ``(B,)`` each. The mean of ``loss`` is minimised; the others are logged
            beside it as ``<phase>/<term>``.
        repeats: steps per iteration (``n_critic`` for a critic).
        every: iterations from one in which it runs to the next.
        span: the act's iterations in which it runs, the second excluded; ``None`` is to the end.
        optimiser: name of an optimiser of its own over all its modules. ``None``: each module's
            own, which other phases of that module share, so that the momentum of one loss moves it
            in the steps of another, whatever the weight of that other. Two games that must not
            touch each other need two optimisers.
        after: called with the number of the update after each step, without gradients: a clip, a
            moving centre, a controller.
        varies: from the number of an update, all that the number decides in it: the weight of a
            warm-up, say. Updates of equal values are one program, which a GPU records once and then
            plays again (:mod:`ssavl.engine.recording`). ``None``: nobody knows. It may be given
            where no update puts another tensor in the place of one that a later update reads; what
            changes in place is right.
    """

    name: str
    modules: tuple[str, ...]
    loss: Loss
    repeats: int = 1
    every: int = 1
    span: tuple[int, int | None] = (0, None)
    optimiser: str | None = None
    after: Callable[[int], None] | None = None
    varies: Callable[[int], Hashable] | None = None

    @property
    def optimisers(self) -> dict[str, tuple[str, ...]]:
        """Names of the optimisers that a step uses, each with the modules that it moves."""
        if self.optimiser is not None:
            return {self.optimiser: self.modules}
        return {name: (name,) for name in self.modules}

    def updates(self, step: int) -> range:
        """The numbers of its updates in the act's iteration ``step``; none where it rests."""
        first, last = self.span
        if step < first or (last is not None and step >= last) or (step - first) % self.every:
            return range(0)
        turn = (step - first) // self.every
        return range(turn * self.repeats, (turn + 1) * self.repeats)


def alike(number: int) -> Hashable:
    """What varies between updates whose number decides nothing."""
    return None


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Hold a module still: no gradient for its parameters, no update of BatchNorm statistics.

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
