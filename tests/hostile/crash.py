"""Every state of the disk in which a process can die.

A run is watched. Before each of its operations on files (a name made, renamed or removed, a write,
a sync), and in the middle of each write, what is on the disk is what a kill at that moment would
leave. Locks are not on the disk: those of a dead process are free.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PARTIAL = re.compile(r"\.(.+)\.[a-z0-9_]{8}\.partial")
NAMES = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate")

_WATCH: Callable[[str], None] | None = None


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _WATCH is not None and event in NAMES and (event != "open" or _writes(arguments)):
        _WATCH(event)


def _writes(arguments: tuple[Any, ...]) -> bool:
    flags = arguments[2] or 0
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


sys.addaudithook(_audit)


class Torn:
    """A file whose writes can be cut in two."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def write(self, content: Any) -> int:
        whole = content if isinstance(content, str) else bytes(content)
        if _WATCH is not None:
            _WATCH("write")
            half = len(whole) // 2
            self.file.write(whole[:half])
            self.file.flush()
            _WATCH("torn write")
            self.file.write(whole[half:])
        else:
            self.file.write(whole)
        return len(whole)

    def __enter__(self) -> Torn:
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.file)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


@contextmanager
def watched(watch: Callable[[str], None]) -> Iterator[None]:
    """A block in which ``watch`` is called with the name of each operation, before it is done."""
    global _WATCH

    def opened(make: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            mode = arguments[1] if len(arguments) > 1 else named.get("mode", "r")
            file = make(*arguments, **named)
            return Torn(file) if set(str(mode)) & set("wax+") else file

        return call

    def synced(descriptor: int) -> None:
        if _WATCH is not None:
            _WATCH("fsync")
        sync(descriptor)

    sync = os.fsync
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(io, "open", opened(io.open))
        patch.setattr(os, "fdopen", opened(os.fdopen))
        patch.setattr(os, "fsync", synced)
        _WATCH = watch
        try:
            yield
        finally:
            _WATCH = None


class Disk:
    """What a command may write: some folders of the working one.

    Args:
        folders: their names.
    """

    def __init__(self, *folders: str) -> None:
        self.folders = folders

    def files(self) -> dict[str, bytes | None]:
        """Every file with its content, and every folder."""
        return {
            str(path): None if path.is_dir() else path.read_bytes()
            for folder in self.folders
            for path in sorted(Path(folder).rglob("*"))
        }

    def clear(self) -> None:
        """Empty it."""
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)

    def put_back(self, files: dict[str, bytes | None]) -> None:
        """Have it as it was when ``files`` were taken."""
        self.clear()
        for name, content in files.items():
            if content is None:
                Path(name).mkdir(parents=True, exist_ok=True)
            else:
                Path(name).parent.mkdir(parents=True, exist_ok=True)
                Path(name).write_bytes(content)


class Crashes:
    """The states in which a process could have died, each with the operation that it did not do.

    States that differ in nothing but the random part of a name, or in how much of a half-written
    file is there, count once.
    """

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.operations: dict[str, int] = {}
        self.states: dict[str, tuple[str, dict[str, bytes | None]]] = {}

    def take(self, operation: str) -> None:
        """Look at the disk now."""
        global _WATCH
        watch, _WATCH = _WATCH, None
        try:
            self.operations[operation] = self.operations.get(operation, 0) + 1
            files = self.disk.files()
            self.states.setdefault(_identity(files), (operation, files))
        finally:
            _WATCH = watch


def _identity(files: dict[str, bytes | None]) -> str:
    total = hashlib.sha256()
    for name, content in files.items():
        partial = PARTIAL.fullmatch(Path(name).name)
        known = f"{partial[1]} {bool(content)}" if partial else f"{name} {content is None}"
        total.update(f"{known}\n".encode())
        if not partial:
            total.update(hashlib.sha256(content or b"").digest())
    return total.hexdigest()
