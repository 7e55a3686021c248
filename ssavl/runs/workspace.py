"""What every stage stands on: locks, resume state, and the record of the run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from ssavl.engine.device import Compute, choose, set_exactness
from ssavl.engine.heap import keep_freed
from ssavl.runs.lineage import Lineage
from ssavl.storage.files import locked, sha256, write_json
from ssavl.storage.partial import discard, sweep
from ssavl.version import __version__

LIBRARIES = ("torch", "numpy", "scikit-learn", "scipy")


@dataclass(frozen=True)
class Options:
    """How to run, as opposed to what. Of this, the kind of device, the precision, the compiler and
    the start are part of a run's identity, since they decide its bits.

    Attributes:
        device, precision: as in :func:`ssavl.engine.device.choose`.
        checkpoint_seconds: time between saves of the resume state.
        finish: whether to take the saved state of a stopped run for its end.
        start: the state of another run to begin at.
        largest_batch: whether to measure how large a batch can be.
        compiled: whether the networks that are trained are compiled.
    """

    device: str | None = None
    precision: str | None = None
    checkpoint_seconds: float = 60.0
    finish: bool = False
    start: Path | None = None
    largest_batch: bool = False
    compiled: bool = False

    def compute(self) -> Compute:
        """The device and precision, for the whole of this process.

        Raises:
            UserError: this machine has them not, or no use for a compiler.
        """
        set_exactness(tf32=False, deterministic=True)  # the process is a command's own
        keep_freed()
        return choose(self.device, self.precision, self.compiled)


@dataclass
class Workspace:
    """A stage at work.

    Attributes:
        out: the output folder, held by this process.
        lineage: where the resume state is; its name hashes settings and inputs, so the same
            command finds it again.
        inputs: SHA-256 of every input file, by its path.
        record: what ``run.json`` will say; stages add to it.
        over: whether the run is at its end, so that nobody goes on from its resume state.
    """

    out: Path
    lineage: Lineage
    inputs: dict[str, str]
    record: dict[str, Any] = field(default_factory=dict)
    over: bool = True


@contextmanager
def workspace(
    stage: str, settings: Mapping[str, Any], inputs: Mapping[str, Path], out: Path, compute: Compute
) -> Iterator[Workspace]:
    """Hold the output folder, and on success write ``run.json`` and clear the resume state.

    Args:
        settings: every parameter that the stage reads; with the inputs' content, the kind of device
            and the precision they identify the run.
        inputs: files by role.

    Raises:
        UserError: a missing input, or a folder that another run holds.
    """
    started = time.monotonic()
    hashes = {str(path): sha256(path) for path in inputs.values()}
    key = {"inputs": list(hashes.values()), "version": __version__, **compute.kind}
    lineage = Lineage.of(stage, settings, key)
    sweep(lineage.stem.parent)
    with locked(out), locked(lineage.scratch):
        work = Workspace(out, lineage, hashes)
        yield work
        versions = {"ssavl": __version__} | {name: metadata.version(name) for name in LIBRARIES}
        record = {
            "stage": stage,
            "settings": settings,
            "inputs": hashes,
            "versions": versions,
            **compute.describe(),
            **work.record,
            "seconds": round(time.monotonic() - started, 1),
        }
        write_json(out / "run.json", record)
        if work.over:
            lineage.drop_shorter()
            discard(lineage.scratch)


def seed_everything(seed: int, compute: Compute) -> torch.Generator:
    """Seed torch's global generators, and return the one that latents and real images are drawn
    from.
    """
    torch.manual_seed(seed)
    return compute.generator(seed)
