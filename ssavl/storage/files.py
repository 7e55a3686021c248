"""Files: atomic writes, hashes and locks."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ssavl.errors import UserError


@contextmanager
def atomic(path: Path) -> Iterator[IO[bytes]]:
    """A binary file that replaces ``path`` when the block ends well,
    and leaves no trace when it does not.

    A rename, never a write in place: DVC hard-links outputs to its cache, and a full disk must not
    cost the old file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())  # mkstemp allows the owner alone
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` atomically."""
    with atomic(path) as file:
        file.write(content)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON document atomically, keys in the order given."""
    write_bytes(path, (json.dumps(value, indent=2) + "\n").encode())


def read_json(path: Path) -> Any:
    """The JSON document in a file.

    Raises:
        UserError: no such file, or not JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except ValueError as error:
        raise UserError(
            f"{path} is not JSON ({error}): it was cut or edited; make it anew"
        ) from None


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

    The folder is made if need be, and removed again if nothing was put into it.

    Raises:
        UserError: another process holds it.
    """
    import filelock

    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise UserError(
            f"{folder} is in use by another run: wait for it, stop it, or choose another --out"
        ) from None
    try:
        yield
    finally:
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
