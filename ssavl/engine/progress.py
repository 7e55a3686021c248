"""Progress on stderr: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self

from tqdm.auto import tqdm

from ssavl.engine.act import Act

SECONDS = 20  # between the lines


class Progress:
    """How far an act is.

    Args:
        step: iterations already done.
        act: which.
        named: whether to say which; there may be one alone.
        show: whether a bar shows; ``None`` where stderr is a terminal, else a line now and then.
    """

    def __init__(self, step: int, act: Act, named: bool, show: bool | None) -> None:
        self.step = self.first = step
        self.total, self.label = act.optimisation.iterations, act.name if named else ""
        self.says = show is None
        self.started = self.said = time.monotonic()
        self.bar = tqdm(
            total=self.total,
            initial=step,
            desc=self.label or None,
            disable=None if show is None else not show,
            unit="it",
            dynamic_ncols=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.close()

    def advance(self, row: Mapping[str, float]) -> None:
        """One iteration is done; a row of the log, where one is written, has its losses."""
        self.step += 1
        if row:
            own = {name: f"{value:.3g}" for name, value in row.items() if name.endswith("/loss")}
            self.bar.set_postfix(own, refresh=False)
            self._say(own)
        self.bar.update()

    def _say(self, losses: Mapping[str, str]) -> None:
        """A line, where there is no bar: how far, the losses, how fast, how long still."""
        now = time.monotonic()
        if not self.says or not self.bar.disable or now - self.said <= SECONDS:
            return
        rate = (self.step - self.first) / (now - self.started)
        left = tqdm.format_interval((self.total - self.step) / rate)
        label = f"{self.label}: " if self.label else ""
        shown = "".join(f", {name} {value}" for name, value in losses.items())
        line = f"{label}iteration {self.step} of {self.total}{shown}, {rate:.1f} it/s, {left} left"
        with suppress(OSError):  # the terminal, or who read the pipe, is gone: the run is not
            print(line, file=sys.stderr, flush=True)
        self.said = now
