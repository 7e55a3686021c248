"""Memory that a process frees and asks for again."""

from __future__ import annotations

import ctypes

# of malloc.h
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT = 2**28  # bytes that are free before the system gets any back
LARGEST = 2**25  # bytes of what is served from there; glibc allows no more


def keep_freed() -> bool:
    """Let the process keep up to 256 MiB that it freed; whether its C library can.

    Each iteration allocates the activations that the one before freed. glibc gives blocks of that
    size back to the system at once, and gets them anew as empty pages, which the system clears one
    by one: a tenth of an iteration's time. It holds for the whole process, so a library should not
    do it to its host.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # not glibc's
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST) and mallopt(M_TRIM_THRESHOLD, KEPT))
