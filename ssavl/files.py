"""Files: atomic writes, hashes, locks, and checkpoint files that say what they hold."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ssavl.errors import UserError

FORMAT = 1  # of checkpoint files; a reader refuses a newer one


@contextmanager
def atomic(path: Path) -> Iterator[IO[bytes]]:
    """A binary file that replaces ``path`` when the block ends well, and leaves no trace when it does not.

    A rename, never a write in place: DVC hard-links outputs to its cache, and a full disk must not cost the old file.
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
        raise UserError(f"{path} is not JSON ({error}): it was cut or edited; make it anew") from None


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

    It stands under ``$DVC_ROOT`` where DVC runs the stage, else under the working directory: outside every output,
    because DVC deletes outputs before it runs a stage.
    """
    return Path(os.environ.get("DVC_ROOT") or ".") / ".ssavl" / f"{stage}-{digest(key)}"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold ``folder`` for this process alone; the operating system frees it however the process ends.

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
        raise UserError(f"{folder} is in use by another run: wait for it, stop it, or choose another --out") from None
    try:
        yield
    finally:
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def serialise(kind: str, payload: Mapping[str, Any]) -> bytes:
    """A checkpoint file's content: plain data and tensors, marked with its kind. Equal payloads give equal bytes."""
    import torch

    buffer = io.BytesIO()  # torch.save reports a full disk as a RuntimeError without a cause; plain writes do not
    torch.save({"ssavl": FORMAT, "kind": kind, **payload}, buffer)
    return buffer.getvalue()


def save_checkpoint(path: Path, kind: str, payload: Mapping[str, Any]) -> None:
    """Write a checkpoint file atomically. ``payload`` holds tensors and plain data only."""
    write_bytes(path, serialise(kind, payload))


def load_checkpoint(path: Path, kind: str) -> dict[str, Any]:
    """The payload of a checkpoint file of this kind, tensors on the CPU; read with ``weights_only``.

    Raises:
        UserError: no such file, cut or foreign content, another kind, or a format newer than this version reads.
    """
    import torch

    if not path.is_file():
        raise UserError(f"{path} does not exist" if not path.exists() else f"{path} is a folder, not a checkpoint file")
    if path.suffix == ".safetensors":
        return _load_portable(path, kind)
    try:
        payload = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(f"{path} cannot be read ({reason[:120]}): it is cut short or no checkpoint of ssavl") from None
    if not isinstance(payload, dict) or "ssavl" not in payload:
        raise UserError(f"{path} is no checkpoint of ssavl: it has no 'ssavl' entry")
    require_kind(payload, kind, path)
    return payload


def require_kind(payload: Mapping[str, Any], kind: str, path: Path) -> None:
    """Refuse the content of a checkpoint file of another kind, or of a newer format.

    Raises:
        UserError: either.
    """
    if payload["ssavl"] > FORMAT:
        raise UserError(f"{path} was written by a newer ssavl (format {payload['ssavl']}, this one reads {FORMAT})")
    if payload["kind"] != kind:
        raise UserError(f"{path} holds '{payload['kind']}' where '{kind}' is needed")


def save_portable(path: Path, kind: str, payload: Mapping[str, Any]) -> None:
    """Write a checkpoint as ``<name>.safetensors`` and ``<name>.json``; :func:`load_checkpoint` reads the pair.

    In the JSON document ``{"tensor": key}`` stands for each tensor.
    """
    from safetensors.torch import save

    tensors: dict[str, Any] = {}
    plain = _without_tensors({"ssavl": FORMAT, "kind": kind, **payload}, "", tensors)
    write_bytes(path, save(tensors))
    write_json(path.with_suffix(".json"), plain)


def has_description(path: Path) -> bool:
    """Whether a ``.safetensors`` file is one half of what :func:`save_portable` wrote."""
    beside = path.with_suffix(".json")
    if path.suffix != ".safetensors" or not beside.is_file():
        return False
    content = read_json(beside)
    return isinstance(content, dict) and "ssavl" in content


def _load_portable(path: Path, kind: str) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not has_description(path):
        raise UserError(f"{path} is no checkpoint of ssavl: {path.with_suffix('.json')} does not describe it")
    content = read_json(path.with_suffix(".json"))
    require_kind(content, kind, path)
    try:
        return _with_tensors(content, load_file(path))
    except (SafetensorError, KeyError) as error:
        raise UserError(f"{path} cannot be read ({error}): it is cut short or does not fit its .json") from None


def _without_tensors(value: Any, key: str, tensors: dict[str, Any]) -> Any:
    import torch

    if isinstance(value, torch.Tensor):
        tensors[key] = value.detach().cpu().contiguous()
        return {"tensor": key}
    if isinstance(value, Mapping):
        return {name: _without_tensors(inner, f"{key}.{name}".lstrip("."), tensors) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_tensors(inner, f"{key}.{index}", tensors) for index, inner in enumerate(value)]
    return value


def _with_tensors(value: Any, tensors: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"tensor"}:
            return tensors[value["tensor"]]
        return {name: _with_tensors(inner, tensors) for name, inner in value.items()}
    return [_with_tensors(inner, tensors) for inner in value] if isinstance(value, list) else value


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
