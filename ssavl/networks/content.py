"""What files of ours hold of networks: entries, checked before one is built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import torch
from pydantic import model_validator
from torch import Tensor, nn

from ssavl.errors import UserError, shown
from ssavl.networks.config import Plain, Told
from ssavl.networks.registry import kind_of


class EntryContent(Told):
    """A network: its name in ``NETWORKS``, the config that rebuilds it, and its weights.

    The weights bear out the config: of another size, or not finite, they are refused before
    anything takes memory.
    """

    network: str
    config: Plain[dict[str, Any]]
    state: dict[str, Any]

    @model_validator(mode="after")
    def _borne_out(self) -> Self:
        with torch.device("meta"):
            empty = kind_of(self.network).from_config(self.config)
        require_state(empty, self.state, self.network)
        return self


def require_state(empty: nn.Module, state: Mapping[str, Any], name: str) -> None:
    """Refuse weights that are not those of a network of this kind and size.

    Args:
        empty: such a network, on the device ``meta``.
        name: of its kind.

    Raises:
        UserError: other names, shapes or types of numbers than it has; numbers that are not finite,
            or out of range.
    """
    expected = empty.state_dict()
    if state.keys() != expected.keys():
        odd = sorted(set(expected) ^ set(state))[:3]
        raise UserError(
            f"the weights of '{name}' are not those of its config: "
            f"{', '.join(map(shown, odd))} stand in one alone"
        )
    for key, own in expected.items():
        if fault := _fault(key, state[key], own):
            raise UserError(f"the weights of '{name}', {key}: {fault}")


def _fault(key: str, found: Any, own: Tensor) -> str | None:
    if not isinstance(found, Tensor) or found.layout is not torch.strided or found.is_meta:
        return "no dense tensor of numbers"
    if found.shape != own.shape or found.dtype != own.dtype:
        return (
            f"{found.dtype} {tuple(found.shape)}, where its config needs {own.dtype} "
            f"{tuple(own.shape)}"
        )
    if not found.isfinite().all():
        return "some numbers are not finite"
    never_negative = key.endswith("running_var") or not own.is_floating_point()
    return "some numbers are below 0" if never_negative and bool((found < 0).any()) else None
