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
from ssavl.engine.clock import Clock
from ssavl.engine.device import Compute
from ssavl.engine.finite import NotFiniteError
from ssavl.engine.log import Log
from ssavl.engine.playing import Playing
from ssavl.engine.progress import Progress
from ssavl.engine.signals import StopRequest, stop_request
from ssavl.engine.snapshot import Snapshot
from ssavl.errors import Interrupted


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
        clock: of the time after which the last act is over; by default it never is.
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
        clock: Clock | None = None,
        show: bool | None = None,
    ) -> None:
        self.modules, self.acts, self.show = dict(modules), list(acts), show
        self.compute, self.rng, self.scratch, self.probe = compute, rng, scratch, probe
        self.checkpoint_seconds, self.saved_at = checkpoint_seconds, time.monotonic()
        self.clock = clock or Clock(None)
        self.resumed_from: list[int] = []
        self.logs = [Log(scratch / name) for name in log_names(self.acts)]
        self.averages = Averages(self.modules, averaged or {})
        self.snapshot = Snapshot(self.modules, self.averages, self.logs, rng, self.clock)
        self._turn_to(0)

    def train(self, start: Path | None = None) -> None:
        """Run to the end, from the saved state where there is one.

        Args:
            start: a state to begin at, where none was saved.

        Raises:
            Interrupted: a signal; the state was saved.
            NotFiniteError: a loss, a gradient or a weight that is not; the last good state is kept.
            UserError: a state of another run.
        """
        self.resume(start)
        try:
            with stop_request() as stop:
                self._play(stop)
                for number in range(self.number + 1, len(self.acts)):
                    self._turn_to(number)
                    self.save()  # a kill while the next act is entered finds this one finished
                    self._play(stop)
            self._heed(stop)  # a signal that came while the last state was saved
            self.snapshot.require_finite(self.playing)
        except NotFiniteError as error:
            raise NotFiniteError(f"{self.playing.where}: {error}") from None

    def resume(self, start: Path | None = None) -> None:
        """Go to where the saved state is, and have the logs agree with it."""
        if (found := state.read(self.scratch, start, self.compute.device)) is not None:
            path, whole = found
            with state.belonging(path):
                self._turn_to(whole["act"])
                self.snapshot.put_back(whole, self.playing)
            self.resumed_from = [*whole["resumed_from"], self.playing.step]
            print(f"resuming at {self.playing.where} from {path}", file=sys.stderr)
        for log in self.logs:
            log.write()  # neither cut by a kill, nor of a run that left no state

    def iterate(self) -> None:
        """One iteration of the present act, and the averages after it."""
        self.averages.follow(self.playing.iterate())

    def save(self) -> None:
        """Write the resume state; the state before it is kept too. Refuses what is not finite."""
        self.playing.heed()
        self.snapshot.require_finite(self.playing)
        state.write(self.scratch, self.taken())
        self.saved_at = time.monotonic()

    def taken(self) -> dict[str, Any]:
        """The state: everything that the next iteration depends on."""
        return self.snapshot.take(self.number, self.playing, self.resumed_from)

    @property
    def over(self) -> bool:
        """Whether the last act is at its end, by its iterations or by the time that it has."""
        last = self.number == len(self.acts) - 1
        return last and (self.playing.done or (self.clock.up and self.playing.step > 0))

    def write_row(self) -> dict[str, float]:
        """Add a row to the present act's log: means since the last one, and what is probed."""
        row = self.playing.take_row()
        if self.probe is not None and self.number == len(self.acts) - 1:
            with torch.no_grad(), torch.random.fork_rng(state.cuda_devices(self.compute.device)):
                row |= self.probe()
        self.logs[self.number].append(row)
        return row

    def _turn_to(self, number: int) -> None:
        self.number = number
        self.playing = Playing(self.acts[number], self.modules, self.compute, self.rng)

    def _play(self, stop: StopRequest) -> None:
        """The rest of the present act; saved at once, so that what is wrong at once is said."""
        playing = self.playing
        playing.enter()
        with Progress(playing.step, playing.act, len(self.acts) > 1, self.show) as progress:
            over = playing.done or self.over
            while not over:
                self.iterate()
                over = playing.done or self.over
                row = self.write_row() if playing.row_due or over else {}
                self._heed(stop)  # before anything is said: the terminal may be gone
                progress.advance(row)
                if playing.step == 1 or time.monotonic() - self.saved_at > self.checkpoint_seconds:
                    self.save()

    def _heed(self, stop: StopRequest) -> None:
        if stop.signum is not None:
            self.save()
            said = f"stopped at {self.playing.where}; the same command continues"
            raise Interrupted(stop.signum, said)
