"""Ctrl-C, SIGTERM and SIGHUP (a terminal that is closed) as a polite request: finish the
iteration, save, then leave with 130, 143 or 129.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequest:
    """Whether a signal came, and which."""

    signum: int | None = None


@contextmanager
def stop_request() -> Iterator[StopRequest]:
    """Record the signals instead of dying of them; a second one acts as if there were no handler.

    Whoever reads the request after the block has ended sees every signal that came within it. A
    SIGHUP that ``nohup`` has silenced stays silent.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    previous: dict[int, Any] = {}

    def restore() -> None:
        for signum, handler in previous.items():
            signal.signal(signum, handler)

    def record(signum: int, frame: FrameType | None) -> None:
        request.signum = signum
        restore()

    for signum in SIGNALS:
        handler = signal.getsignal(signum)
        silenced = signum == signal.SIGHUP and handler == signal.SIG_IGN
        if handler is None or silenced:  # not Python's, so that it could not be given back
            continue
        previous[signum] = signal.signal(signum, record)
    try:
        yield request
    finally:
        restore()
