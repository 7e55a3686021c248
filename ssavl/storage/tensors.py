"""Files of torch.save and of safetensors: what they say of sizes is held against the file's own.

``weights_only`` keeps a pickle from running code, not from asking for memory, nor from saying that
a tensor is longer than what is stored. Nothing is read of a tensor before that is known.
"""

from __future__ import annotations

import pickle
import re
import struct
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ssavl.storage.plain import DEPTH, ENTRIES

if TYPE_CHECKING:
    import torch

# what the readers of torch raise of a file that was cut, flipped or made up
UNREADABLE = (
    *(ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError, OSError),
    *(RuntimeError, TypeError, ValueError, pickle.UnpicklingError, struct.error),
    zipfile.BadZipFile,
)

# allowed by ``weights_only``, and more than data: these take any memory that a pickle asks for
_GREEDY = re.compile(
    rb"bytearray\n|torch\.storage\n(?:Un)?[tT]ypedStorage\n|_codecs\nencode\n(?s:.)*"
    rb"X(?:..\0\0)(?:hex|base64|quopri|uu|bz2|zlib|zip)"
)


def load(path: Path, device: Any = "cpu", *, mapped: bool = False) -> Any:
    """What ``torch.save`` wrote.

    Args:
        device: that tensors come to.
        mapped: whether tensors stay in the file until somebody looks at them.

    Raises:
        OSError, and other ``UNREADABLE``: no such file, or not such a one.
    """
    import torch

    size = path.stat().st_size
    if zipfile.is_zipfile(path):
        _require_honest(path, size)
    elif _GREEDY.search(path.read_bytes()):
        raise pickle.UnpicklingError("its pickle asks for memory")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other protocols, and of kinds that are going
        content = torch.load(path, map_location=device, weights_only=True, mmap=mapped)
    _require_held(content, size)
    return content


def load_safetensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file by name.

    Raises:
        OSError, and other ``UNREADABLE``: no such file, or not such a one.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(str(error)) from None


def _require_honest(path: Path, size: int) -> None:
    """Refuse an archive that unpacks to more than it is, or whose pickle asks for memory."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError("its parts are packed, which torch.save never does")
        if sum(member.file_size for member in members) > size:
            raise ValueError("its parts are larger than the file")
        for member in members:
            if member.filename.endswith("byteorder") and archive.read(member) != b"little":
                raise ValueError("it has the byte order of another machine: save it anew on this")
            if member.filename.endswith(".pkl") and _GREEDY.search(archive.read(member)):
                raise pickle.UnpicklingError("its pickle asks for memory")


def _require_held(content: Any, size: int) -> None:
    """Refuse tensors that are longer than the file, and what no reader could walk through."""
    import torch

    waiting, left, storages = [(content, 0)], ENTRIES, dict[int, int]()
    while waiting:
        own, depth = waiting.pop()
        if isinstance(own, torch.Tensor):
            if own.layout is not torch.strided or own.is_meta:
                continue
            storage = own.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
            if own.numel() * own.element_size() > size or sum(storages.values()) > size:
                raise ValueError("it says of a tensor that it is longer than the file")
        elif isinstance(own, Mapping | list | tuple | set):
            left -= 1
            if left < 0 or depth > DEPTH:
                raise ValueError(
                    f"it holds more than {ENTRIES} lists and mappings, or {DEPTH} one in another"
                )
            inside = own.values() if isinstance(own, Mapping) else own
            waiting += [(value, depth + 1) for value in inside if not _single(value)]


def _single(value: Any) -> bool:
    return value is None or isinstance(value, str | bytes | int | float)
