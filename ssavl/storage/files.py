"""Files: atomic writes, hashes and locks."""

from __future__ import annotations

import hashlib
import json
import math
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ssavl.errors import UserError, few
from ssavl.storage.partial import create, made, sweep
from ssavl.storage.shield import shielded

if TYPE_CHECKING:
    import filelock

_HELD: set[Path] = set()  # folders that this process holds


@contextmanager
def atomic(path: Path) -> Iterator[IO[bytes]]:
    """A binary file that replaces ``path`` when the block ends well,
    and leaves no trace when it does not.

    A rename, never a write in place: DVC hard-links outputs to its cache, a link leads to somebody
    else's file, and a full disk must not cost the old file. What a killed process left half-written
    in the folder is removed.
    """
    with made(path.parent):
        if path.parent.resolve() not in _HELD:  # whose holder has swept it
            sweep(path.parent)
        temporary: Path | None = None
        try:
            with shielded():
                descriptor, temporary = create(path)
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fchmod(descriptor, 0o666 & ~_umask())  # mkstemp allows the owner alone
                os.fsync(descriptor)
                temporary.replace(path)
        except BaseException:
            with shielded():
                if temporary is not None:
                    temporary.unlink(missing_ok=True)
            raise


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` atomically."""
    with atomic(path) as file:
        file.write(content)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON document atomically, keys in the order given.

    What is not finite becomes ``null``, and a line on stderr says where and why.
    """
    found: dict[str, str] = {}
    write_bytes(path, (json_text(value, found) + "\n").encode())
    if found:
        places = few(f"{place} is {what}" for place, what in found.items())
        print(f"{path}: null stands for what is no number: {places}", file=sys.stderr)


def json_text(value: Any, found: dict[str, str] | None = None) -> str:
    """A JSON document as everyone reads it: ``null`` for NaN and infinity, which JSON has not.

    Args:
        found: filled with the places of these, and what stood there.
    """
    return json.dumps(_finite(value, "", {} if found is None else found), indent=2, allow_nan=False)


def _finite(value: Any, place: str, found: dict[str, str]) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        found[place] = str(float(value))
        return None
    if isinstance(value, Mapping):
        return {k: _finite(v, f"{place}.{k}" if place else str(k), found) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v, f"{place}[{i}]", found) for i, v in enumerate(value)]
    return value


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's content.

    Raises:
        UserError: no such file.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder where a file is needed") from None


def digest(value: Any) -> str:
    """Twelve hexadecimal digits that identify plain data."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


def scratch_folder(stage: str, key: Any) -> Path:
    """Where a stage keeps its resume state: ``.ssavl/<stage>-<hash of key>``.

    It stands under ``$DVC_ROOT`` where DVC runs the stage, else under the working directory:
    outside every output, because DVC deletes outputs before it runs a stage.
    """
    return Path(os.environ.get("DVC_ROOT") or ".") / ".ssavl" / f"{stage}-{digest(key)}"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold ``folder`` for this process alone; the operating system frees it however the process
    ends.

    The folder is made if need be, and removed again if nothing was put into it. What killed
    processes left half-written in it is removed.

    Raises:
        UserError: another process holds it.
    """
    import filelock

    lock = filelock.FileLock(folder / ".lock")
    with made(folder):
        held = folder.resolve()
        try:
            with shielded():
                _acquire(lock, folder)
                _HELD.add(held)
            sweep(folder)
            yield
        finally:
            with shielded():
                if held in _HELD:
                    _HELD.discard(held)
                    Path(lock.lock_file).unlink(missing_ok=True)
                    lock.release()
                    with suppress(OSError):  # not empty, or gone
                        folder.rmdir()


def _acquire(lock: filelock.BaseFileLock, folder: Path) -> None:
    import filelock

    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise UserError(
            f"{folder} is in use by another run: wait for it, stop it, or choose another --out"
        ) from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
