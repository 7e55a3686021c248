"""What a run's state is of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from ssavl.engine import state
from ssavl.engine.averages import Averages
from ssavl.engine.clock import Clock
from ssavl.engine.finite import require_finite_state
from ssavl.engine.log import Log
from ssavl.engine.playing import Playing


class Snapshot:
    """Everything that a run's next iteration depends on, to take and to put back.

    Args:
        modules: of the run, by name.
        averages: of some of them.
        logs: of its acts.
        rng: what its losses draw from.
        clock: of its time.
    """

    def __init__(
        self,
        modules: Mapping[str, nn.Module],
        averages: Averages,
        logs: Sequence[Log],
        rng: torch.Generator,
        clock: Clock,
    ) -> None:
        self.modules, self.averages, self.logs, self.rng = modules, averages, logs, rng
        self.clock = clock

    def take(self, number: int, playing: Playing, resumed_from: Sequence[int]) -> dict[str, Any]:
        """It, as tensors and plain data.

        Args:
            number: of the act that is playing.
        """
        parts = {name: part.state_dict() for name, part in self._parts(playing).items()}
        whole = {"act": number, "resumed_from": list(resumed_from), "parts": parts}
        whole["cpu_seconds"] = self.clock.spent
        return whole | state.of_process(self.rng)

    def put_back(self, whole: Mapping[str, Any], playing: Playing) -> None:
        """Be where it was taken, in an act that has not been entered.

        Raises:
            KeyError, RuntimeError, ValueError: it was taken of other modules or optimisers.
        """
        for name, part in self._parts(playing).items():
            part.load_state_dict(whole["parts"][name])
        state.restore_process(whole, self.rng)
        self.clock.before = whole.get("cpu_seconds", 0.0)

    def require_finite(self, playing: Playing) -> None:
        """Refuse what no run could go on from.

        Raises:
            NotFiniteError: a tensor of a module, an average or an optimiser is not finite.
        """
        own: dict[str, Any] = {f"network '{name}'": part for name, part in self.modules.items()}
        own |= {f"the optimiser '{name}'": part for name, part in playing.optimisers.items()}
        own["an average"] = self.averages
        require_finite_state({name: part.state_dict() for name, part in own.items()})

    def _parts(self, playing: Playing) -> dict[str, Any]:
        """All of it but the process, by name."""
        logs = {f"log {log.path.name}": log for log in self.logs}
        modules = {f"module {name}": module for name, module in self.modules.items()}
        return {"playing": playing, "averages": self.averages, **logs, **modules}
