"""Ctrl-C, SIGTERM and SIGHUP end any command in one line, with 130, 143 or 129.

They arrive as an exception, so that whatever is half-written is removed on the way out. A training
has its own way within its loop (``ssavl.engine.signals``): it saves first.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from ssavl.storage.shield import interrupt

NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP"}


class Stopped(BaseException):
    """A signal; no ``except Exception`` on the way may take it for a failure."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"stopped by {NAMES[signal.Signals(signum)]}: run the same command again")
        self.signum = signum


@contextmanager
def stoppable() -> Iterator[None]:
    """A block that a signal ends with :class:`Stopped`; a second signal kills at once.

    A SIGHUP that ``nohup`` has silenced stays silent.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous: dict[int, Any] = {}

    def stop(signum: int, frame: FrameType | None) -> None:
        for own in previous:
            signal.signal(own, signal.SIG_DFL)
        interrupt(Stopped(signum))

    for signum in NAMES:
        handler = signal.getsignal(signum)
        if handler is not None and not (signum == signal.SIGHUP and handler == signal.SIG_IGN):
            previous[signum] = signal.signal(signum, stop)
    try:
        yield
    finally:
        for own, handler in previous.items():
            signal.signal(own, handler)
