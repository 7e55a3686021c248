"""Every training: lock, run, leave, files, ``run.json``, once."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from ssavl.engine.clock import Clock
from ssavl.engine.compiling import compiled
from ssavl.engine.device import Compute
from ssavl.engine.finish import finish
from ssavl.engine.finite import NotFiniteError
from ssavl.engine.run import Run
from ssavl.engine.state import STATE
from ssavl.errors import UserError
from ssavl.methods.method import Method
from ssavl.runs.probe import Probe
from ssavl.runs.workspace import Options, Workspace, workspace
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
        cpu_seconds: time of processors that it may take; ``None`` for all that it needs.
    """

    stage: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, Path]
    out: Path
    options: Options
    compute: Compute
    rng: torch.Generator
    cpu_seconds: float | None = None


LISTED = ("gan", "encoders", "data")  # roles of inputs that the pipelines' stages depend on

Leave = Callable[[Run], Mapping[str, Any]]  # writes what a run leaves, and says what that is


def train(job: Job, method: Method, leave: Leave, probe: Probe | None = None) -> dict[str, Any]:
    """Train a method, and write what it leaves, its logs and ``run.json``.

    Returns:
        What ``leave`` says, and the number of iterations.

    Raises:
        UserError: a missing input, a folder that another run holds, a loss that is not finite,
            nothing that ``finish`` could end.
        Interrupted: a signal; the same command continues.
    """
    _require_batches(job.stage, method)
    for module in method.modules.values():
        job.compute.place(module)
    options = job.options
    inputs = {**job.inputs, **({"state": options.start} if options.start else {})}
    _tell_dvc(job)
    with workspace(job.stage, job.settings, inputs, job.out, job.compute) as work:
        scratch = work.lineage.scratch
        run = Run(
            method.modules,
            method.acts,
            job.compute,
            job.rng,
            scratch,
            method.averaged,
            probe,
            options.checkpoint_seconds,
            Clock(job.cpu_seconds),
        )
        with compiled(method.modules.values(), job.compute):
            _train(run, job, work)
        left = {**leave(run), "iterations": run.playing.step}
        for log in sorted(scratch.glob("log*.csv")):
            write_bytes(job.out / log.name, log.read_bytes())
        work.record |= {**left, "resumed_from": run.resumed_from, **method.record()}
    return left


def _tell_dvc(job: Job) -> None:
    """Under DVC, name the inputs that a stage of ours does not list among its dependencies."""
    beside = [str(path) for role, path in job.inputs.items() if role not in LISTED]
    if os.environ.get("DVC_STAGE") and beside:
        stage = os.environ["DVC_STAGE"]
        print(
            f"{', '.join(beside)}: an input too. Add it to the deps of {stage} in dvc.yaml; "
            "else DVC does not see its changes, and needs `dvc repro --force`",
            file=sys.stderr,
        )


def _require_batches(stage: str, method: Method) -> None:
    """Refuse batches of one image where BatchNorm has to learn from their spread.

    Raises:
        UserError: there are such.
    """
    normalised = [
        name
        for name, module in method.modules.items()
        if any(isinstance(one, _BatchNorm) for one in module.modules())
    ]
    if normalised and any(act.optimisation.batch_size < 2 for act in method.acts):
        raise UserError(
            f"{stage}.batch_size = 1: the BatchNorm of {', '.join(normalised)} needs 2 or more"
        )


def _train(run: Run, job: Job, work: Workspace) -> None:
    """To the end, or with ``finish`` to where it is."""
    if job.options.finish:
        finish(run)
    else:
        print(f"log: {run.logs[-1].path}", file=sys.stderr)
        try:
            run.train(job.options.start or work.lineage.start(len(run.acts)))
        except NotFiniteError as error:
            raise UserError(f"{error}: {_advice(run, job)}") from None
    work.over = run.over
    if job.cpu_seconds is not None:
        work.record["cpu_seconds"] = round(run.clock.spent, 1)
    if run.playing.done:
        work.lineage.keep(run.taken())
    elif not run.over:
        total = run.playing.act.optimisation.iterations
        work.record["finished_early"] = {"iterations": run.playing.step, "of": total}


def _advice(run: Run, job: Job) -> str:
    """What helps a run that met something which is not finite."""
    kept = run.scratch / STATE
    if not kept.exists():
        return (
            "no learning rate mends the first iteration; look at the images, and at the sizes "
            "and gains of the networks"
        )
    rate = run.playing.act.optimisation.learning_rate / 10
    return (
        "lower the learning rate, or use --precision float32; to go on from the last good state, "
        f"add --set {job.stage}.learning_rate={rate:g} --from-state {kept}"
    )
