"""The largest batch that a GPU's memory holds."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

import torch

from ssavl.engine.device import Compute
from ssavl.engine.isolation import isolated
from ssavl.engine.playing import Playing
from ssavl.errors import UserError
from ssavl.methods.method import Method
from ssavl.params.shared import AT_ONCE, OptimisationParams

Params = TypeVar("Params", bound=OptimisationParams)

SPARE = 0.2  # of the memory, for what an iteration needs that the tried one did not


def measured(
    stage: str, params: Params, compute: Compute, build: Callable[[Params], Method]
) -> Params:
    """The same parameters with the largest power of two (times ``pieces``) for a batch size.

    Tries take networks and random numbers of their own: the run begins as if there had been none.

    Args:
        stage: its name, for messages.
        build: an untrained method by its parameters.

    Raises:
        UserError: no GPU, or one whose memory does not hold the smallest batch.
    """
    if compute.device.type != "cuda":
        raise UserError(
            f"--batch-size auto measures a GPU's memory, and {stage} runs on the "
            f"{compute.device.type}: name a number"
        )

    def sized(count: int) -> Params:
        return type(params).model_validate({**params.model_dump(), "batch_size": count})

    def fits(count: int) -> bool:
        return _fits(build(sized(count)), compute)

    found = largest(fits, params.pieces)
    print(f"{stage}.batch_size = {found}: the largest that fits", file=sys.stderr)
    return sized(found)


def largest(fits: Callable[[int], bool], smallest: int = 1) -> int:
    """The largest size that fits, of the smallest one and what doubling makes of it.

    Raises:
        UserError: not even the smallest does.
    """
    if not fits(smallest):
        raise UserError(
            f"the GPU's memory does not hold a batch of {smallest}: narrow the networks, or set "
            "recompute"
        )
    size = smallest
    while 2 * size <= AT_ONCE and fits(2 * size):
        size *= 2
    return size


def _fits(method: Method, compute: Compute) -> bool:
    """Whether an iteration of its last act leaves enough memory to spare."""
    device = compute.device
    with isolated(device):
        try:
            torch.cuda.reset_peak_memory_stats(device)
            for module in method.modules.values():
                compute.place(module)
            Playing(method.acts[-1], method.modules, compute).iterate()
            torch.cuda.synchronize(device)
        except torch.OutOfMemoryError:
            return False
        finally:
            torch.cuda.empty_cache()
        _, total = torch.cuda.mem_get_info(device)
        return torch.cuda.max_memory_reserved(device) <= (1 - SPARE) * total
