"""THE loop: every method is a list of phases, and this trains it.

An iteration runs each phase ``repeats`` times: loss, backward, one step of the optimisers of the
phase's modules. A module has one optimiser, whichever phases update it. Everything that the next
iteration depends on is in the run's state, so a run that was killed continues bit for bit (on one
device, with one number of threads).
"""

from __future__ import annotations

import io
import pickle
import sys
import time
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from ssavl.engine.device import Compute
from ssavl.engine.log import Log
from ssavl.engine.phase import Phase
from ssavl.engine.signals import stop_request
from ssavl.errors import Interrupted, UserError
from ssavl.storage.files import write_bytes

STATE, PREVIOUS, LOG = "state.pt", "previous.pt", "log.csv"


@dataclass(frozen=True)
class Schedule:
    """How long and how fast.

    Attributes:
        iterations: of the whole run.
        learning_rate, adam_betas: of Adam, for every module.
        decay: the last iterations, over which the learning rate falls linearly towards 0.
        log_every: iterations per row of the log.
        checkpoint_seconds: time between saves of the resume state; it changes no result.
        shares: of the learning rate, by module name; 1 where absent.
    """

    iterations: int
    learning_rate: float
    adam_betas: tuple[float, float]
    decay: int = 0
    log_every: int = 50
    checkpoint_seconds: float = 60.0
    shares: Mapping[str, float] = field(default_factory=dict)

    def rate(self, step: int) -> float:
        """Learning rate of the iteration ``step``, counted from 0."""
        left = self.iterations - step
        return self.learning_rate * (min(1.0, left / self.decay) if self.decay else 1.0)


class Run:
    """A training in progress.

    Args:
        modules: by name, on the device already.
        phases: in their order within an iteration.
        schedule: length and learning rate.
        compute: device and precision; phases call networks under its autocast.
        rng: the generator that losses draw latents and real images from. Torch's global generators,
            which ``rsample`` uses, are part of the state too; nothing here draws from Python's or
            NumPy's.
        scratch: the folder for the resume state and the log.
        averaged: decay of the exponential moving average, by module name; its result is
            :meth:`average`.
        probe: measures on fixed inputs, called once per log row, without gradients and without a
            trace in the RNGs.
    """

    def __init__(
        self,
        modules: Mapping[str, nn.Module],
        phases: Iterable[Phase],
        schedule: Schedule,
        compute: Compute,
        rng: torch.Generator,
        scratch: Path,
        averaged: Mapping[str, float] | None = None,
        probe: Callable[[], Mapping[str, float]] | None = None,
    ) -> None:
        self.modules = dict(modules)
        self.phases = list(phases)
        self.schedule = schedule
        self.compute = compute
        self.rng = rng
        self.scratch = scratch
        self.probe = probe
        self.step = 0
        self.resumed_from: list[int] = []
        self.log = Log(scratch / LOG)
        trained = {name for phase in self.phases for name in phase.modules}
        self.optimisers = {
            name: torch.optim.Adam(
                self.modules[name].parameters(),
                schedule.learning_rate,
                betas=schedule.adam_betas,
                fused=compute.device.type in ("cpu", "cuda"),
            )
            for name in sorted(trained)
        }
        self.averages = {
            name: AveragedModel(
                self.modules[name], multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=False
            )
            for name, decay in (averaged or {}).items()
        }
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def average(self, name: str) -> nn.Module:
        """The averaged weights of a module, or the module itself where no average is kept."""
        return self.averages[name].module if name in self.averages else self.modules[name]

    def train(self) -> None:
        """Run to the end, from the saved state where there is one.

        Raises:
            Interrupted: SIGINT or SIGTERM; the state was saved.
            UserError: a loss that is not finite, with phase, iteration and terms; the last good
                state was saved.
        """
        self.scratch.mkdir(parents=True, exist_ok=True)
        self._resume()
        for module in self.modules.values():
            module.train()
        schedule = self.schedule
        started = saved_at = said_at = time.monotonic()
        first = self.step
        with (
            stop_request() as stop,
            tqdm(
                total=schedule.iterations,
                initial=self.step,
                disable=None,
                unit="it",
                dynamic_ncols=True,
            ) as bar,
        ):
            while self.step < schedule.iterations:
                for name, optimiser in self.optimisers.items():
                    for group in optimiser.param_groups:
                        group["lr"] = schedule.rate(self.step) * schedule.shares.get(name, 1.0)
                self.iterate(self.step)
                self.step += 1
                bar.update()
                if self.step % schedule.log_every == 0 or self.step == schedule.iterations:
                    row = self._write_row()
                    bar.set_postfix(
                        {k: f"{v:.3g}" for k, v in row.items() if k.endswith("/loss")},
                        refresh=False,
                    )
                    if bar.disable and time.monotonic() - said_at > 20:
                        said_at = time.monotonic()
                        self._say((self.step - first) / (said_at - started))
                if stop.signum is not None:
                    self.save()
                    raise Interrupted(
                        stop.signum,
                        (
                            f"stopped at iteration {self.step} of {schedule.iterations}; the same "
                            "command continues"
                        ),
                    )
                if time.monotonic() - saved_at > schedule.checkpoint_seconds:
                    self.save()
                    saved_at = time.monotonic()

    def iterate(self, step: int) -> None:
        """One iteration: every phase, as often as it repeats, then the averages."""
        for phase in self.phases:
            for repeat in range(phase.repeats):
                self.update(phase, step * phase.repeats + repeat)
        for name, average in self.averages.items():
            average.update_parameters(self.modules[name])

    def update(self, phase: Phase, update: int) -> None:
        """One optimiser step of one phase; ``update`` counts this phase's steps.

        Raises:
            UserError: a loss that is not finite; no parameter was touched, and the state was saved.
        """
        for module in self.modules.values():
            module.requires_grad_(False)
        for name in phase.modules:
            self.modules[name].requires_grad_(True)
        with self.compute.autocast():
            terms = phase.loss(update)
        means = {name: term.mean() for name, term in terms.items()}
        if not torch.isfinite(means["loss"]):
            self.save()
            values = ", ".join(f"{name} {value.item():g}" for name, value in means.items())
            raise UserError(
                f"the loss of phase '{phase.name}' is not finite at iteration {self.step} "
                f"({values}): lower the learning rate, or use --precision float32; the state "
                f"before it is in {self.scratch}"
            )
        for name in phase.modules:
            self.optimisers[name].zero_grad(set_to_none=True)
        means["loss"].backward()
        for name in phase.modules:
            self.optimisers[name].step()
        for name, value in means.items():
            key = f"{phase.name}/{name}"
            self._sums[key] = self._sums.get(key, torch.zeros_like(value)) + value.detach()
            self._counts[key] = self._counts.get(key, 0) + 1

    def save(self) -> None:
        """Write the resume state; the state before it is kept as ``previous.pt``."""
        last = self.scratch / STATE
        # a full disk must be an OSError, which torch.save to a file does not promise
        buffer = io.BytesIO()
        torch.save(self._state_dict(), buffer)
        write_bytes(last.with_suffix(".new"), buffer.getvalue())
        if last.exists():
            last.replace(self.scratch / PREVIOUS)
        last.with_suffix(".new").replace(last)

    def _write_row(self) -> dict[str, float]:
        row: dict[str, float] = {"step": self.step}
        row |= {key: value.item() / self._counts[key] for key, value in self._sums.items()}
        if self.probe is not None:
            with torch.no_grad(), torch.random.fork_rng(_cuda_devices(self.compute.device)):
                row |= self.probe()
        self._sums, self._counts = {}, {}
        self.log.append(row)
        return row

    def _say(self, rate: float) -> None:
        print(
            f"iteration {self.step} of {self.schedule.iterations}, {rate:.1f} it/s",
            file=sys.stderr,
            flush=True,
        )

    def _state_dict(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "modules": {name: module.state_dict() for name, module in self.modules.items()},
            "optimisers": {
                name: optimiser.state_dict() for name, optimiser in self.optimisers.items()
            },
            "averages": {name: average.state_dict() for name, average in self.averages.items()},
            "log": self.log.state_dict(),
            "sums": self._sums,
            "counts": self._counts,
            "resumed_from": self.resumed_from,
            "threads": torch.get_num_threads(),
            "rng": self.rng.get_state(),
            "torch_rng": torch.get_rng_state(),
            "cuda_rng": [torch.cuda.get_rng_state(i) for i in _cuda_devices(self.compute.device)],
        }

    def _resume(self) -> None:
        for name in (STATE, PREVIOUS):
            path = self.scratch / name
            if not path.exists():
                continue
            try:
                state = torch.load(path, map_location=self.compute.device, weights_only=True)
            except (RuntimeError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile):
                print(f"{path} is damaged; trying the state before it", file=sys.stderr)
                continue
            self._load_state_dict(state)
            print(
                f"resuming at iteration {self.step} of {self.schedule.iterations} from {path}",
                file=sys.stderr,
            )
            return
        (self.scratch / LOG).unlink(missing_ok=True)

    def _load_state_dict(self, state: dict[str, Any]) -> None:
        for name, module in self.modules.items():
            module.load_state_dict(state["modules"][name])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
        for name, average in self.averages.items():
            average.load_state_dict(state["averages"][name])
        self.step = state["step"]
        self.resumed_from = [*state["resumed_from"], self.step]
        self._sums, self._counts = state["sums"], state["counts"]
        self.log.load_state_dict(state["log"])
        torch.set_num_threads(state["threads"])  # sums in another order are other numbers
        self.rng.set_state(state["rng"].cpu())
        torch.set_rng_state(state["torch_rng"].cpu())
        for index, cuda_state in zip(
            _cuda_devices(self.compute.device), state["cuda_rng"], strict=True
        ):
            torch.cuda.set_rng_state(cuda_state.cpu(), index)


def _cuda_devices(device: torch.device) -> list[int]:
    return [device.index or 0] if device.type == "cuda" else []
