"""One step of one phase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

import torch
from torch import Tensor, nn

from ssavl.engine.alarm import Alarm
from ssavl.engine.device import Compute
from ssavl.engine.finite import require_finite_gradients, require_finite_loss
from ssavl.engine.phase import Phase
from ssavl.engine.unchecked import unchecked


def update(
    phase: Phase,
    number: int,
    parameters: Mapping[str, Sequence[nn.Parameter]],
    optimisers: Mapping[str, torch.optim.Optimizer],
    compute: Compute,
    pieces: int = 1,
    alarm: Alarm | None = None,
) -> dict[str, Tensor]:
    """Loss, backward, a step of the phase's optimisers, and what comes after; the terms' means.

    Args:
        number: of this update of the phase.
        parameters: of all modules there are, by name.
        optimisers: all there are, by name.
        pieces: that a batch is computed in, each by a call of the loss; gradients add up.
        alarm: raised where the loss or a gradient is not finite, instead of an error.

    Raises:
        NotFiniteError: the loss or a gradient is not finite; no parameter was touched.
    """
    moved = {p for name in phase.modules for p in parameters[name]}
    for parameter in chain.from_iterable(parameters.values()):
        if parameter.requires_grad != (parameter in moved):
            parameter.requires_grad_(parameter in moved)
    own = [optimisers[name] for name in phase.optimisers]
    for optimiser in own:
        optimiser.zero_grad(set_to_none=True)
    means: dict[str, Tensor] = {}
    for _ in range(pieces):
        with compute.autocast(), unchecked():
            terms = phase.loss(number)
        part = {name: term.mean() / pieces for name, term in terms.items()}
        if alarm is None:
            require_finite_loss(phase.name, part)
        part["loss"].backward()
        told = {name: value.detach() for name, value in part.items()}  # and nothing of the graph
        means = {name: means[name] + value for name, value in told.items()} if means else told
    if alarm is None:
        require_finite_gradients(phase.name, means, own)
    else:
        alarm.heed(phase.name, means, own)
    for optimiser in own:
        optimiser.step()
    if phase.after is not None:
        with torch.no_grad():
            phase.after(number)
    return means
