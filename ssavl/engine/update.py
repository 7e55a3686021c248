"""One step of one phase."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ssavl.engine.device import Compute
from ssavl.engine.phase import Phase


class NotFiniteError(ArithmeticError):
    """A loss that is not finite; no parameter was touched.

    The message names phase and terms, and what to do.
    """


def update(
    phase: Phase,
    number: int,
    modules: Mapping[str, nn.Module],
    optimisers: Mapping[str, torch.optim.Optimizer],
    compute: Compute,
) -> dict[str, Tensor]:
    """Loss, backward, a step of the phase's optimisers, and what comes after; the terms' means.

    Args:
        number: of this update of the phase.
        modules, optimisers: all there are, by name.

    Raises:
        NotFiniteError: the loss is not finite.
    """
    for module in modules.values():
        module.requires_grad_(False)
    for name in phase.modules:
        modules[name].requires_grad_(True)
    with compute.autocast():
        terms = phase.loss(number)
    means = {name: term.mean() for name, term in terms.items()}
    if not torch.isfinite(means["loss"]):
        values = ", ".join(f"{name} {value.item():g}" for name, value in means.items())
        raise NotFiniteError(
            f"the loss of phase '{phase.name}' is not finite ({values}): lower the learning rate, "
            "or use --precision float32"
        )
    own = [optimisers[name] for name in phase.optimisers]
    for optimiser in own:
        optimiser.zero_grad(set_to_none=True)
    means["loss"].backward()
    for optimiser in own:
        optimiser.step()
    if phase.after is not None:
        with torch.no_grad():
            phase.after(number)
    return means
