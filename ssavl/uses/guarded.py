"""Work on a stranger's graph in a process of its own, with an end to its time and memory.

A graph is data and cannot run code, but it can loop 2^62 times or grow a tensor to 40 GB. Only
another process can be stopped in that, and only from outside.
"""

from __future__ import annotations

import multiprocessing
import os
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, TypeVar

import psutil

from ssavl.errors import UserError

Result = TypeVar("Result")

INTERVAL = 0.05  # seconds between looks at a process
GIBIBYTE = 2**30


@dataclass(frozen=True)
class Limits:
    """What a process may take.

    Attributes:
        seconds: of time on the clock, its start included.
        gibibytes: of memory; half of the machine's if ``None``.
    """

    seconds: float = 600.0
    gibibytes: float | None = None

    @property
    def bytes(self) -> float:
        """Of memory."""
        if self.gibibytes is None:
            return float(psutil.virtual_memory().total) / 2
        return self.gibibytes * GIBIBYTE


def guarded(work: Callable[..., Result], limits: Limits, what: str, *arguments: Any) -> Result:
    """The result of ``work(*arguments)``, computed in another process.

    Args:
        work: a function at the level of a module; what it takes and gives can be pickled.
        what: is worked on, for messages.

    Raises:
        UserError: what the work raised; a limit that was hit; a process that died.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(theirs, work, arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        outcome, found = _wait(process, ours, limits, what)
    finally:
        if process.is_alive():
            process.kill()
        process.join()
        ours.close()
    if outcome == "refused":
        raise UserError(found)
    if outcome == "failed":
        raise RuntimeError(found)  # a fault of ours, with the traceback from over there
    result: Result = found
    return result


def _wait(process: Any, ours: Connection, limits: Limits, what: str) -> tuple[str, Any]:
    began, child = time.monotonic(), psutil.Process(process.pid)
    while not ours.poll(INTERVAL):
        try:
            memory = child.memory_info().rss
        except psutil.NoSuchProcess:
            memory = 0
        if memory > limits.bytes:
            raise UserError(
                f"{what} takes more than {limits.bytes / GIBIBYTE:.3g} GiB of memory: raise "
                "--memory-limit if you expect that of it"
            )
        if time.monotonic() - began > limits.seconds:
            raise UserError(
                f"{what} takes more than {limits.seconds:g} seconds: raise --time-limit if you "
                "expect that of it"
            )
    try:
        found: tuple[str, Any] = ours.recv()
    except EOFError:
        process.join()
        raise UserError(
            f"{what} ended the process that ran it (status {process.exitcode}): it is damaged, or "
            "took all memory"
        ) from None
    return found


def _work(theirs: Connection, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """In the other process: run, and send what came of it."""
    # a runtime writes about a graph as it likes; what matters comes back as one line
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)
    try:
        theirs.send(("done", work(*arguments)))
    except UserError as error:
        theirs.send(("refused", str(error)))
    except MemoryError:
        theirs.send(("refused", "there is not enough memory for it"))
    except Exception:
        theirs.send(("failed", traceback.format_exc()))
    finally:
        theirs.close()
