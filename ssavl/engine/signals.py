"""Ctrl-C and SIGTERM as a polite request: finish the iteration, save,
then leave with 130 or 143.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class StopRequest:
    """Whether a signal came, and which."""

    signum: int | None = None


@contextmanager
def stop_request() -> Iterator[StopRequest]:
    """Record SIGINT and SIGTERM instead of dying of them;
    a second one acts as if there were no handler.
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

    for signum in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(signum) is None:  # not Python's: it could not be given back
            continue
        previous[signum] = signal.signal(signum, record)
    try:
        yield request
    finally:
        restore()
