"""Runs that differ in nothing but how long they last: a longer one grows from a shorter one.

What an iteration does depends on how many there will be through the learning rate alone, which
falls over the last ``decay`` of them. So the state of a run is one of a longer run too, until the
rate begins to fall.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ssavl.engine import state
from ssavl.storage.files import scratch_folder


@dataclass(frozen=True)
class Lineage:
    """A run among those that differ in their number of iterations alone.

    Attributes:
        stem: path of what they keep, up to that number.
        iterations: of this one's last act.
        decay: last iterations, over which the learning rate falls.
    """

    stem: Path
    iterations: int
    decay: int

    @staticmethod
    def of(stage: str, settings: Mapping[str, Any], key: Mapping[str, Any]) -> Lineage:
        """The lineage of a run.

        Args:
            settings: of which the section ``stage`` says how long it lasts.
            key: what else tells it from others.
        """
        own = dict(settings[stage])
        iterations = own.pop("iterations")
        stem = scratch_folder(stage, {**key, "settings": {**settings, stage: own}})
        return Lineage(stem, iterations, own["decay"])

    @property
    def scratch(self) -> Path:
        """The folder for this run's resume state."""
        return self.stem.with_name(f"{self.stem.name}-{self.iterations}")

    @property
    def finished(self) -> Path:
        """The file for its last state, which a longer run grows from."""
        return self.stem.with_name(f"{self.stem.name}-{self.iterations}.pt")

    def others(self) -> Iterator[tuple[int, Path]]:
        """The states that others of the lineage left, each with how long that run was to last."""
        name, folder = self.stem.name, self.stem.parent
        for path in sorted(folder.glob(f"{name}-*.pt")):
            yield int(path.stem.rpartition("-")[2]), path
        for path in sorted(folder.glob(f"{name}-*/{state.STATE}")):
            yield int(path.parent.name.rpartition("-")[2]), path

    def start(self, acts: int) -> Path | None:
        """The furthest state of another run that is one of this run too; it is said where a
        finished one is none.

        Args:
            acts: of the run.
        """
        best, found = (0, 0), None
        for lasted, path in self.others():
            if lasted == self.iterations:
                continue
            whole = state.load(path, torch.device("cpu"), mapped=True)
            if whole is None:
                continue
            with state.belonging(path):
                step = whole["parts"]["playing"]["step"]
                last = whole["act"] == acts - 1
            if last and step > self._shared(lasted):
                if path.suffix == ".pt" and lasted < self.iterations and self.decay:
                    print(
                        f"starts anew: the run of {lasted} iterations lowered its learning rate "
                        f"over the last {self.decay} (decay), so a longer one cannot continue it",
                        file=sys.stderr,
                    )
                continue
            if (whole["act"], step) > best:
                best, found = (whole["act"], step), path
        return found

    def keep(self, whole: Mapping[str, Any]) -> None:
        """Keep the last state of this run."""
        state.keep(self.finished, whole)

    def drop_shorter(self) -> None:
        """Remove the last states of shorter runs: this one's stands for them."""
        for lasted, path in self.others():
            if lasted < self.iterations and path.parent == self.stem.parent:
                path.unlink(missing_ok=True)

    def _shared(self, lasted: int) -> int:
        """The iterations that a run which lasts so long has in common with this one."""
        shorter = min(lasted, self.iterations)
        return max(0, shorter - self.decay + 1) if self.decay else shorter
