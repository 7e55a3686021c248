"""Progress on stderr: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
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

    def advance(self) -> None:
        """One iteration is done."""
        self.step += 1
        self.bar.update()

    def show(self, row: Mapping[str, float]) -> None:
        """A row of the log is written; its losses stand beside the bar."""
        losses = {name: f"{value:.3g}" for name, value in row.items() if name.endswith("/loss")}
        self.bar.set_postfix(losses, refresh=False)
        now = time.monotonic()
        if self.says and self.bar.disable and now - self.said > SECONDS:
            rate = (self.step - self.first) / (now - self.started)
            label = f"{self.label}: " if self.label else ""
            where = f"{label}iteration {self.step} of {self.total}"
            print(f"{where}, {rate:.1f} it/s", file=sys.stderr, flush=True)
            self.said = now
