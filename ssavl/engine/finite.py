"""Nothing that is not finite gets into weights, and none of it into a saved state.

A loss can be finite and its gradient not: an infinity times 0 on the way back, a root at 0. Adam
would write it into every weight of the phase, and the next state that is saved would be of no use.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ssavl.errors import UserError


class NotFiniteError(UserError):
    """A loss, a gradient or a weight that is not finite; the message names it."""


def require_finite_loss(phase: str, means: Mapping[str, Tensor]) -> None:
    """Refuse to learn from a loss that is not finite.

    Args:
        phase: its name.
        means: of its terms; ``loss`` is the loss.

    Raises:
        NotFiniteError: it is not.
    """
    if not torch.isfinite(means["loss"]):
        raise fault(phase, {name: value.item() for name, value in means.items()})


def require_finite_gradients(
    phase: str, means: Mapping[str, Tensor], optimisers: Sequence[torch.optim.Optimizer]
) -> None:
    """Refuse a step along gradients that are not finite, or whose squares, which Adam remembers,
    are not.

    One norm over all of them: a NaN or an infinity anywhere makes it one, and a finite gradient
    whose square overflows makes it infinite.

    Raises:
        NotFiniteError: some gradient is not.
    """
    gradients = gradients_of(optimisers)
    if gradients and not torch.isfinite(torch.nn.utils.get_total_norm(gradients)):
        raise fault(phase, {"loss": means["loss"].item()})


def gradients_of(optimisers: Sequence[torch.optim.Optimizer]) -> list[Tensor]:
    """The gradients that their next steps follow."""
    parameters = (p for own in optimisers for group in own.param_groups for p in group["params"])
    return [p.grad for p in parameters if p.grad is not None]


def fault(phase: str, means: Mapping[str, float]) -> NotFiniteError:
    """What is wrong with an update: its loss, else its gradient.

    Args:
        means: of its terms.
    """
    if not math.isfinite(means["loss"]):
        values = ", ".join(f"{name} {value:g}" for name, value in means.items())
        return NotFiniteError(f"the loss of phase '{phase}' is not finite ({values})")
    return NotFiniteError(
        f"the gradient of phase '{phase}' is not finite, though its loss is ({means['loss']:g})"
    )


def require_finite_state(parts: Mapping[str, Any]) -> None:
    """Refuse to keep modules, averages and optimisers that are not finite.

    Args:
        parts: of a run's state, by name; what is in them may be nested.

    Raises:
        NotFiniteError: a tensor among them is not.
    """
    for name, part in parts.items():
        for key, tensor in _tensors(part, ""):
            if tensor.is_floating_point() and not torch.isfinite(tensor).all():
                raise NotFiniteError(f"{name} is no longer finite ({key})")


def _tensors(value: Any, key: str) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield key, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _tensors(inner, f"{key}.{name}".lstrip("."))
