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
from ssavl.engine.finite import NotFiniteError
from ssavl.engine.run import Run
from ssavl.errors import Interrupted, UserError
from ssavl.methods.method import Method
from ssavl.params.arguments import SEEDS, whole
from ssavl.params.section import Section, one_line

Params = TypeVar("Params", bound=Section)


def checked(section: type[Params], values: Mapping[str, Any], name: str = "") -> Params:
    """A section of parameters out of keywords.

    Args:
        name: of the section, for the message.

    Raises:
        UserError: an unknown one, with the nearest known one, or a value out of range.
    """
    try:
        return section.model_validate(dict(values) if isinstance(values, Mapping) else values)
    except ValidationError as error:
        where = f"{name}: " if name else ""
        raise UserError(f"{where}{one_line(error.errors(), section)}") from None


def seeded(seed: int | torch.Generator) -> int:
    """A seed as a number; out of a generator, the next that it gives.

    Raises:
        UserError: something else.
    """
    if isinstance(seed, torch.Generator):
        return int(torch.randint(2**31 - 1, (), generator=seed, device=seed.device))
    return whole("seed", seed, most=SEEDS)


def play(method: Method, compute: Compute, rng: torch.Generator, progress: bool) -> Run:
    """Train a method; what it writes on the way is gone afterwards. A signal ends the iteration and
    then goes to the caller's handler.

    Raises:
        UserError: a loss that is not finite.
        KeyboardInterrupt: Ctrl-C.
        Interrupted: another signal, whose handler returned.
    """
    stopped = None
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
            stopped = stop.signum
        except NotFiniteError as error:
            raise UserError(f"{error}: lower learning_rate, or use precision='float32'") from None
    if stopped is not None:
        signal.raise_signal(stopped)
        if stopped == signal.SIGINT:
            raise KeyboardInterrupt
        raise Interrupted(stopped, "stopped")
    return run
