"""One step of one phase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

import torch
from torch import Tensor, nn

from ssavl.engine.device import Compute
from ssavl.engine.finite import require_finite_gradients, require_finite_loss
from ssavl.engine.phase import Phase


def update(
    phase: Phase,
    number: int,
    parameters: Mapping[str, Sequence[nn.Parameter]],
    optimisers: Mapping[str, torch.optim.Optimizer],
    compute: Compute,
) -> dict[str, Tensor]:
    """Loss, backward, a step of the phase's optimisers, and what comes after; the terms' means.

    Args:
        number: of this update of the phase.
        parameters: of all modules there are, by name.
        optimisers: all there are, by name.

    Raises:
        NotFiniteError: the loss or a gradient is not finite; no parameter was touched.
    """
    moved = {p for name in phase.modules for p in parameters[name]}
    for parameter in chain.from_iterable(parameters.values()):
        if parameter.requires_grad != (parameter in moved):
            parameter.requires_grad_(parameter in moved)
    with compute.autocast():
        terms = phase.loss(number)
    means = {name: term.mean() for name, term in terms.items()}
    require_finite_loss(phase.name, means)
    own = [optimisers[name] for name in phase.optimisers]
    for optimiser in own:
        optimiser.zero_grad(set_to_none=True)
    means["loss"].backward()
    require_finite_gradients(phase.name, means, own)
    for optimiser in own:
        optimiser.step()
    if phase.after is not None:
        with torch.no_grad():
            phase.after(number)
    return means
