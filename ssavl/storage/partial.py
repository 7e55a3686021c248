"""Files while they are written: hidden beside their place, and locked as long as their process
lives.

The operating system frees a lock however a process ends, so a file that can be locked is a dead
process's, and whoever writes there next removes it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ssavl.storage.shield import shielded

ENDING = ".partial"
OURS = re.compile(r"\..+\.[a-z0-9_]{8}\.partial", re.DOTALL)
LONGEST = 200  # bytes of a file's name that go into its partial one's; a file system allows 255


def create(path: Path) -> tuple[int, Path]:
    """A new, empty file beside ``path``, held by this process: its descriptor and its name."""
    while True:
        descriptor, name = tempfile.mkstemp(ENDING, f".{_short(path.name)}.", path.parent)
        with suppress(OSError):  # a file system without locks: then nobody can sweep it either
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor, Path(name)
        os.close(descriptor)  # swept by another process between its making and its locking


@contextmanager
def spool(folder: Path) -> Iterator[IO[bytes]]:
    """A file without a name, to write and read back; what it takes is freed with it."""
    with shielded():
        descriptor, name = create(folder / "spool")
        name.unlink()
    with os.fdopen(descriptor, "w+b") as file:
        yield file


def sweep(folder: Path) -> None:
    """Remove what dead processes left half-written, or half-removed, in a folder."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if OURS.fullmatch(entry.name):
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                elif entry.is_file(follow_symlinks=False):
                    _remove_unless_held(Path(entry.path))


def discard(folder: Path) -> None:
    """Remove a folder: first its name, so that a kill on the way leaves no half of it there."""
    garbage = folder.with_name(f".{_short(folder.name)}.{secrets.token_hex(4)}{ENDING}")
    with shielded():
        folder.rename(garbage)
        shutil.rmtree(garbage)


@contextmanager
def made(folder: Path) -> Iterator[None]:
    """A block in which a folder is there; of those that it had to make, empty ones go again."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        with shielded():
            for path in missing:
                with suppress(OSError):  # not empty, or gone
                    path.rmdir()


def _remove_unless_held(path: Path) -> None:
    with suppress(OSError):  # gone by now, another user's, or held
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
        finally:
            os.close(descriptor)


def _short(name: str) -> str:
    """A file's name, or digits that stand for one to which nothing can be added."""
    encoded = os.fsencode(name)
    return name if len(encoded) <= LONGEST else hashlib.sha256(encoded).hexdigest()[:16]
