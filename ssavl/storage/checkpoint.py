"""Checkpoints: files of tensors and plain data that say what they hold."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ssavl.errors import UserError, first_line, shown
from ssavl.storage.documents import read_json
from ssavl.storage.files import write_bytes, write_json
from ssavl.storage.plain import require_plain
from ssavl.storage.tensors import UNREADABLE, load, load_safetensors

FORMAT = 2  # a reader refuses a newer one; what is in which stands in ssavl.models.files


def save_checkpoint(path: Path, kind: str, payload: Mapping[str, Any]) -> None:
    """Write a checkpoint file atomically. ``payload``:
    tensors and plain data. Equal ones give equal bytes.
    """
    import torch

    # torch.save reports a full disk as a RuntimeError without a cause; plain writes do not
    buffer = io.BytesIO()
    torch.save({"ssavl": FORMAT, "kind": kind, **payload}, buffer)
    write_bytes(path, buffer.getvalue())


def load_checkpoint(path: Path, *kinds: str) -> dict[str, Any]:
    """The payload of a checkpoint file of one of these kinds, tensors on the CPU;
    read with ``weights_only``.

    Raises:
        UserError: no such file, cut or foreign content, another kind, or a format newer than this
            version reads; something else than plain data and tensors.
    """
    if not path.is_file():
        raise UserError(
            f"{path} does not exist"
            if not path.exists()
            else f"{path} is a folder, not a checkpoint file"
        )
    if path.suffix == ".safetensors":
        return _load_portable(path, kinds)
    try:
        payload = load(path)
    except UNREADABLE as error:
        raise UserError(
            f"{path} cannot be read ({first_line(error)}): it is cut short or no checkpoint of "
            "ssavl"
        ) from None
    if not isinstance(payload, dict) or "ssavl" not in payload:
        raise UserError(f"{path} is no checkpoint of ssavl: it has no 'ssavl' entry")
    require_kind(payload, kinds, path)
    return payload


def require_kind(payload: Mapping[str, Any], kinds: Collection[str], path: Path) -> None:
    """Refuse the content of a checkpoint file of another kind, of a newer format, or with more
    than plain data and tensors.

    Raises:
        UserError: one of these.
    """
    import torch

    version, kind = payload["ssavl"], payload.get("kind")
    if type(version) is not int or version < 1:
        raise UserError(f"{path} is no checkpoint of ssavl: its format is {shown(version)}")
    if version > FORMAT:
        raise UserError(
            f"{path} was written by a newer ssavl (format {version}, this one reads {FORMAT})"
        )
    if kind not in kinds:
        wanted = " or ".join(f"'{known}'" for known in kinds)
        raise UserError(f"{path} holds {shown(kind)} where {wanted} is needed")
    require_plain(payload, path, (torch.Tensor,))


@contextmanager
def rebuilding(path: Path) -> Iterator[None]:
    """Build networks from the content of ``path``;
    what does not fit together is the file's fault, said in one line.

    Raises:
        UserError: the content lacks something, or holds what it should not.
    """
    try:
        yield
    except UserError as error:  # of who knows what is wrong, and not in which file
        raise UserError(f"{path}: {error}") from None
    except (
        ArithmeticError,
        AttributeError,
        IndexError,
        KeyError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split()):.160}"
        raise UserError(
            f"{path} does not hold together ({reason}): it was damaged or edited; make it anew"
        ) from None


def save_portable(path: Path, kind: str, payload: Mapping[str, Any]) -> None:
    """Write a checkpoint as ``<name>.safetensors`` and ``<name>.json``;
    :func:`load_checkpoint` reads the pair.

    In the JSON document ``{"tensor": key}`` stands for each tensor.
    """
    from safetensors.torch import save

    tensors: dict[str, Any] = {}
    plain = _without_tensors({"ssavl": FORMAT, "kind": kind, **payload}, "", tensors)
    write_bytes(path, save(tensors))
    write_json(path.with_suffix(".json"), plain)


def has_description(path: Path) -> bool:
    """Whether a ``.safetensors`` file is one half of what :func:`save_portable` wrote."""
    return path.suffix == ".safetensors" and _description(path) is not None


def _description(path: Path) -> dict[str, Any] | None:
    beside = path.with_suffix(".json")
    content = read_json(beside) if beside.is_file() else None
    return content if isinstance(content, dict) and "ssavl" in content else None


def _load_portable(path: Path, kinds: Collection[str]) -> dict[str, Any]:
    content = _description(path)
    if content is None:
        raise UserError(
            f"{path} is no checkpoint of ssavl: {path.with_suffix('.json')} does not describe it"
        )
    require_kind(content, kinds, path)
    try:
        return _with_tensors(content, load_safetensors(path))
    except UNREADABLE as error:
        raise UserError(
            f"{path} cannot be read ({first_line(error)}): it is cut short or does not fit its "
            ".json"
        ) from None


def _without_tensors(value: Any, key: str, tensors: dict[str, Any]) -> Any:
    import torch

    if isinstance(value, torch.Tensor):
        tensors[key] = value.detach().cpu().contiguous()
        return {"tensor": key}
    if isinstance(value, Mapping):
        return {
            name: _without_tensors(inner, f"{key}.{name}".lstrip("."), tensors)
            for name, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [
            _without_tensors(inner, f"{key}.{index}", tensors) for index, inner in enumerate(value)
        ]
    return value


def _with_tensors(value: Any, tensors: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"tensor"} and isinstance(value["tensor"], str):
            return tensors[value["tensor"]]
        return {name: _with_tensors(inner, tensors) for name, inner in value.items()}
    return [_with_tensors(inner, tensors) for inner in value] if isinstance(value, list) else value
