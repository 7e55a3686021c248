"""Every training: lock, run, leave, files, ``run.json``, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ssavl.engine.device import Compute
from ssavl.engine.run import Run
from ssavl.methods.method import Method
from ssavl.runs.probe import Probe
from ssavl.runs.workspace import Options, workspace
from ssavl.storage.files import write_bytes


@dataclass(frozen=True)
class Job:
    """A training as a stage asks for it.

    Attributes:
        stage: its name.
        settings: every parameter that it reads; with the inputs' content they identify the run.
        inputs: files by role.
        out: the folder that it writes.
        options: how to run.
        compute: where.
        rng: what its losses draw from.
    """

    stage: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, Path]
    out: Path
    options: Options
    compute: Compute
    rng: torch.Generator


Leave = Callable[[Run], Mapping[str, Any]]  # writes what a run leaves, and says what that is


def train(job: Job, method: Method, leave: Leave, probe: Probe | None = None) -> dict[str, Any]:
    """Train a method, and write what it leaves, its logs and ``run.json``.

    Returns:
        What ``leave`` says, and the number of iterations.

    Raises:
        UserError: a missing input, a folder that another run holds, a loss that is not finite.
        Interrupted: a signal; the same command continues.
    """
    for module in method.modules.values():
        job.compute.place(module)
    with workspace(job.stage, job.settings, job.inputs, job.out, job.compute) as work:
        run = Run(
            method.modules,
            method.acts,
            job.compute,
            job.rng,
            work.scratch,
            method.averaged,
            probe,
            job.options.checkpoint_seconds,
        )
        run.train()
        left = {**leave(run), "iterations": run.playing.step}
        for log in sorted(work.scratch.glob("log*.csv")):
            write_bytes(job.out / log.name, log.read_bytes())
        work.record |= {**left, "resumed_from": run.resumed_from, **method.record()}
    return left
