"""THE loop: every method is acts of phases, and this trains them.

An iteration runs each phase of its act as often as it repeats: loss, backward, one step of its
optimisers. Everything that the next iteration depends on is in the run's state, so a run that was
killed continues bit for bit, on one device, with one number of threads.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ssavl.engine import state
from ssavl.engine.act import Act, log_names
from ssavl.engine.averages import Averages
from ssavl.engine.device import Compute
from ssavl.engine.log import Log
from ssavl.engine.playing import Playing
from ssavl.engine.progress import Progress
from ssavl.engine.signals import StopRequest, stop_request
from ssavl.engine.update import NotFiniteError, update
from ssavl.errors import Interrupted, UserError


class Run:
    """A training in progress.

    Args:
        modules: by name, on the device already: all that is trained or remembered.
        acts: one after another.
        compute: device and precision; phases call networks under its autocast.
        rng: what losses draw latents and real images from.
        scratch: the folder for the resume state and the logs.
        averaged: decay of the exponential moving average, by module name.
        probe: measures on fixed inputs for each row of the last act's log.
        checkpoint_seconds: time between saves of the resume state; it changes no result.
        show: whether a bar shows the progress; ``None`` where stderr is a terminal.
    """

    def __init__(
        self,
        modules: Mapping[str, nn.Module],
        acts: Sequence[Act],
        compute: Compute,
        rng: torch.Generator,
        scratch: Path,
        averaged: Mapping[str, float] | None = None,
        probe: Callable[[], Mapping[str, float]] | None = None,
        checkpoint_seconds: float = 60.0,
        show: bool | None = None,
    ) -> None:
        self.modules, self.acts, self.show = dict(modules), list(acts), show
        self.compute, self.rng, self.scratch, self.probe = compute, rng, scratch, probe
        self.checkpoint_seconds, self.saved_at = checkpoint_seconds, time.monotonic()
        self.resumed_from: list[int] = []
        self.logs = [Log(scratch / name) for name in log_names(self.acts)]
        self.averages = Averages(self.modules, averaged or {})
        self._turn_to(0)

    def train(self) -> None:
        """Run to the end, from the saved state where there is one.

        Raises:
            Interrupted, UserError: a signal; a loss that is not finite. The state was saved.
        """
        self.scratch.mkdir(parents=True, exist_ok=True)
        self._resume()
        for log in self.logs:
            log.write()  # neither cut by a kill, nor of a run that left no state
        with stop_request() as stop:
            self._play(stop)
            for number in range(self.number + 1, len(self.acts)):
                self._turn_to(number)
                self.save()  # a kill while the next act is entered finds this one finished
                self._play(stop)

    def iterate(self) -> None:
        """One iteration: what time decides, every phase as often as it repeats, the averages."""
        playing, act = self.playing, self.playing.act
        playing.begin()
        for phase in act.phases:
            for number in phase.updates(playing.step):
                means = update(phase, number, self.modules, playing.optimisers, self.compute)
                playing.note(phase.name, means)
        self.averages.follow(act.trained(playing.step))
        playing.step += 1

    def save(self) -> None:
        """Write the resume state; the state before it is kept as well."""
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        whole = {"act": self.number, "resumed_from": self.resumed_from, "parts": parts}
        state.write(self.scratch, whole | state.of_process(self.rng))
        self.saved_at = time.monotonic()

    def _parts(self) -> dict[str, Any]:
        """What the state is of, besides the process."""
        logs = {f"log {log.path.name}": log for log in self.logs}
        modules = {f"module {name}": module for name, module in self.modules.items()}
        return {"playing": self.playing, "averages": self.averages, **logs, **modules}

    def _turn_to(self, number: int) -> None:
        self.number, self.playing = number, Playing(self.acts[number], self.modules, self.compute)

    def _play(self, stop: StopRequest) -> None:
        """The rest of the present act."""
        playing = self.playing
        playing.enter()
        with Progress(playing.step, playing.act, len(self.acts) > 1, self.show) as progress:
            while not playing.done:
                try:
                    self.iterate()
                except NotFiniteError as error:
                    self.save()
                    lasts = self.checkpoint_seconds < float("inf")
                    kept = f"; the state before it is in {self.scratch}" if lasts else ""
                    raise UserError(f"{playing.where}: {error}{kept}") from None
                progress.advance()
                if playing.row_due:
                    progress.show(self._write_row())
                if stop.signum is not None:
                    self.save()
                    where = f"stopped at {playing.where}; the same command continues"
                    raise Interrupted(stop.signum, where)
                if time.monotonic() - self.saved_at > self.checkpoint_seconds:
                    self.save()

    def _write_row(self) -> dict[str, float]:
        row = self.playing.take_row()
        if self.probe is not None and self.number == len(self.acts) - 1:
            with torch.no_grad(), torch.random.fork_rng(state.cuda_devices(self.compute.device)):
                row |= self.probe()
        self.logs[self.number].append(row)
        return row

    def _resume(self) -> None:
        if (found := state.read(self.scratch, self.compute.device)) is None:
            return
        path, whole = found
        self._turn_to(whole["act"])
        for name, part in self._parts().items():
            part.load_state_dict(whole["parts"][name])
        state.restore_process(whole, self.rng)
        self.resumed_from = [*whole["resumed_from"], self.playing.step]
        print(f"resuming at {self.playing.where} from {path}", file=sys.stderr)
