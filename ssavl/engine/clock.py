"""Time of processors that a run takes, over all processes that it was resumed in."""

from __future__ import annotations

import time


class Clock:
    """It runs from when it is made.

    Args:
        seconds: that the run may take; ``None`` for all that it needs.
    """

    def __init__(self, seconds: float | None) -> None:
        self.seconds, self.before, self._began = seconds, 0.0, time.process_time()

    @property
    def spent(self) -> float:
        """Seconds so far, those of earlier processes of the same run (``before``) too."""
        return self.before + time.process_time() - self._began

    @property
    def up(self) -> bool:
        """Whether the time is."""
        return self.seconds is not None and self.spent >= self.seconds
