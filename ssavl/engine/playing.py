"""An act in progress: its optimisers, its means for the log, and how far it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ssavl.engine import recording
from ssavl.engine.act import Act
from ssavl.engine.alarm import Alarm
from ssavl.engine.device import Compute
from ssavl.engine.optimiser import Optimiser
from ssavl.engine.phase import Phase
from ssavl.engine.recording import Recorder, Told
from ssavl.engine.schedule import learning_rate
from ssavl.engine.update import update

LOOKS = 64  # iterations on a GPU from one look at what is not finite to the next


class Playing:
    """An act in progress, not entered yet.

    Args:
        act: which.
        modules: of the run, by name.
        compute: device and precision.
        rng: what losses draw from; iterations on a GPU can be recorded where it is known.

    Raises:
        ValueError: settings of an optimiser that no phase uses.
    """

    def __init__(
        self,
        act: Act,
        modules: Mapping[str, nn.Module],
        compute: Compute,
        rng: torch.Generator | None = None,
    ) -> None:
        self.act, self.modules, self.compute = act, modules, compute
        self.step, self.entered = 0, False
        needed: dict[str, list[str]] = {}  # modules by the name of the optimiser that moves them
        for phase in act.phases:
            for name, moved in phase.optimisers.items():
                needed.setdefault(name, []).extend(moved)
        unused = set(act.optimisers) - set(needed)
        if unused:
            raise ValueError(f"act '{act.name}': no phase uses the optimisers {sorted(unused)}")
        self.optimisers = {
            name: self._settings(name).build(
                [modules[module] for module in needed[name]], act.optimisation, compute.device
            )
            for name in sorted(needed)
        }
        self.alarm = self._alarm()
        self.recorder = self._recorder(rng)
        # walked once: a walk through all modules in each iteration takes as long as a small network
        self.parameters = {name: tuple(own.parameters()) for name, own in modules.items()}
        self._parts = {name: tuple(own.modules()) for name, own in modules.items()}
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    @property
    def done(self) -> bool:
        """Whether no iteration is left."""
        return self.step >= self.act.optimisation.iterations

    @property
    def where(self) -> str:
        """How far it is, in words."""
        return f"iteration {self.step} of {self.act.optimisation.iterations}"

    @property
    def row_due(self) -> bool:
        """Whether a logging interval ends with the last iteration."""
        return self.step % self.act.optimisation.log_every == 0 or self.done

    @property
    def counting(self) -> bool:
        """Whether something came since the last row."""
        return bool(self._counts)

    def enter(self) -> None:
        """Do what comes before the first iteration, unless it is done."""
        self._set_modes()
        if self.alarm is not None:
            self.alarm.begin(self.step)
        if not self.entered and self.act.enter is not None:
            with torch.no_grad(), self.compute.autocast():
                self.act.enter()
        self.entered = True

    def begin(self) -> None:
        """Do what comes before the phases of an iteration: modes, rates, what time decides."""
        self._set_modes()
        self._set_rates()
        if self.act.tick is not None:
            with torch.no_grad():
                self.act.tick(self.step)

    def iterate(self) -> set[str]:
        """One iteration, every phase as often as it repeats; the names of what was trained.

        Raises:
            NotFiniteError: a loss or a gradient is not finite.
        """
        self.begin()
        updates = [(own, n) for own in self.act.phases for n in own.updates(self.step)]
        play = partial(self._play, updates)
        if self.recorder is None:
            told = play()
        else:
            program = [(phase.name, phase.varies and phase.varies(n)) for phase, n in updates]
            told = self.recorder.play(tuple(program), play)
        for phase, means in told:
            self._note(phase, means)
        self.step += 1
        if self.alarm is not None and (self.step % LOOKS == 0 or self.row_due):
            self.heed()
        return self.act.trained(self.step - 1)

    def heed(self) -> None:
        """Look whether all that was done is finite, where no update looked by itself.

        Raises:
            NotFiniteError: it is not; the act is where that began.
        """
        error = None if self.alarm is None else self.alarm.look()
        if self.alarm is not None and error is not None:
            self.step = int(self.alarm.iteration)
            raise error

    def _play(self, updates: Sequence[tuple[Phase, int]]) -> Told:
        """Updates one after another; what each tells."""
        pieces, known = self.act.optimisation.pieces, (self.parameters, self.optimisers)
        told = [
            (phase.name, update(phase, number, *known, self.compute, pieces, self.alarm))
            for phase, number in updates
        ]
        if self.alarm is not None:
            self.alarm.end()
        return told

    def _note(self, phase: str, means: Mapping[str, Tensor]) -> None:
        """Remember the terms of an update for the log."""
        keys = {name: f"{phase}/{name}" for name in means}
        for name, key in keys.items():
            self._sums.setdefault(key, torch.zeros_like(means[name]))
            self._counts[key] = self._counts.get(key, 0) + 1
        torch._foreach_add_([self._sums[key] for key in keys.values()], list(means.values()))

    def _alarm(self) -> Alarm | None:
        """On a GPU, where all optimisers can leave out a step."""
        own = list(self.optimisers.values())
        if self.compute.device.type != "cuda" or not Alarm.fits(own):
            return None
        return Alarm(own, self.compute.device)

    def _recorder(self, rng: torch.Generator | None) -> Recorder | None:
        """Where iterations can be recorded, and every phase says what its numbers decide."""
        known = all(phase.varies is not None for phase in self.act.phases)
        if rng is None or self.alarm is None or not known or not recording.wanted():
            return None
        return Recorder(self.compute.device, rng)

    def take_row(self) -> dict[str, float]:
        """Means of the terms since the last row."""
        row: dict[str, float] = {"step": self.step}
        row |= {key: value.item() / self._counts[key] for key, value in self._sums.items()}
        self._sums, self._counts = {}, {}
        return row

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain data."""
        return {
            "step": self.step,
            "entered": self.entered,
            "optimisers": {name: own.state_dict() for name, own in self.optimisers.items()},
            "sums": self._sums,
            "counts": self._counts,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Be where :meth:`state_dict` was taken."""
        self.step, self.entered = state["step"], state["entered"]
        for name, optimiser in self.optimisers.items():
            own = [_settings(group) for group in optimiser.param_groups]
            optimiser.load_state_dict(state["optimisers"][name])
            for group, settings in zip(optimiser.param_groups, own, strict=True):
                group.update(settings)  # the state may be another run's
        self._sums, self._counts = dict(state["sums"]), dict(state["counts"])

    def _set_modes(self) -> None:
        """Put modules in training mode: one that a loss left is in no state, so it must go."""
        for name, parts in self._parts.items():
            if not all(part.training for part in parts):
                self.modules[name].train()

    def _set_rates(self) -> None:
        rate = learning_rate(self.act.optimisation, self.step)
        for name, optimiser in self.optimisers.items():
            for group in optimiser.param_groups:
                own = rate * self._settings(name).rate
                if isinstance(group["lr"], Tensor):
                    group["lr"].fill_(own)
                else:
                    group["lr"] = own

    def _settings(self, name: str) -> Optimiser:
        return self.act.optimisers.get(name, Optimiser())


def _settings(group: Mapping[str, Any]) -> dict[str, Any]:
    """How an optimiser's group moves, but for its rate, which time decides."""
    return {name: value for name, value in group.items() if name not in ("params", "lr")}
