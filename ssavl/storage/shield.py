"""Moments in which a signal must wait: between making a file and knowing its name, and while what
is half-written is removed.

A signal's handler in Python can raise between any two instructions, those of a ``finally`` too.
Masks of signals would not do: other threads of the process take what the main one has blocked.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_depth = 0
_waiting: list[BaseException] = []


def interrupt(error: BaseException) -> None:
    """Raise an error out of a signal's handler, once no shielded block is running."""
    if _depth:
        _waiting.append(error)
    else:
        raise error


@contextmanager
def shielded() -> Iterator[None]:
    """A short block that no signal interrupts; the main thread's alone, as handlers are."""
    global _depth
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if not _depth and _waiting:
            error = _waiting[0]
            _waiting.clear()
            raise error
