"""Trainings in the caller's own process."""

from __future__ import annotations

import math
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import ValidationError

from ssavl.engine.device import Compute
from ssavl.engine.run import Run
from ssavl.errors import Interrupted, UserError
from ssavl.methods.method import Method
from ssavl.params.section import Section, one_line

Params = TypeVar("Params", bound=Section)


def checked(section: type[Params], values: Mapping[str, Any]) -> Params:
    """A section of parameters out of keywords.

    Raises:
        UserError: an unknown one, with the nearest known one, or a value out of range.
    """
    try:
        return section.model_validate(dict(values))
    except ValidationError as error:
        raise UserError(one_line(error.errors(), section)) from None


def seeded(seed: int | torch.Generator) -> int:
    """A seed as a number; out of a generator, the next that it gives."""
    if isinstance(seed, torch.Generator):
        return int(torch.randint(2**31 - 1, (), generator=seed, device=seed.device))
    return seed


def play(method: Method, compute: Compute, rng: torch.Generator, progress: bool) -> Run:
    """Train a method; what it writes on the way is gone afterwards.

    Raises:
        UserError: a loss that is not finite.
        KeyboardInterrupt: Ctrl-C.
    """
    for module in method.modules.values():
        compute.place(module)
    with tempfile.TemporaryDirectory(prefix="ssavl-") as folder:
        run = Run(
            method.modules,
            method.acts,
            compute,
            rng,
            Path(folder),
            method.averaged,
            checkpoint_seconds=math.inf,
            show=progress,
        )
        try:
            run.train()
        except Interrupted as stop:
            if stop.signum == signal.SIGINT:
                raise KeyboardInterrupt from None
            raise
    return run
