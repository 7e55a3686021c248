"""Arrays in ``.npy`` files and ``.npz`` archives: what a header says is held against the file.

No memory is taken before an array is known to be there, nothing is read but numbers and text, and a
small archive unpacks to no large one.
"""

from __future__ import annotations

import io
import math
import shutil
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ssavl.errors import UserError, first_line

HEADER = 1 << 16  # bytes that a header has at most
FREE, RATIO = 64 << 20, 32  # bytes that any archive may unpack to, and how many for each of its own

NUMBERS, WHOLE, TEXT = "fiu", "iu", "U"  # kinds of dtypes
Kinds = str

# what NumPy, zipfile and zlib raise of a file that was cut, flipped or made up
_UNREADABLE = (
    *(ArithmeticError, EOFError, LookupError, MemoryError, RuntimeError, SyntaxError, TypeError),
    *(ValueError, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)
_NAMES = {NUMBERS: "numbers", WHOLE: "whole numbers", TEXT: "texts"}


def unpacks(packed: int) -> int:
    """Bytes that a compressed file of ``packed`` bytes may unpack to."""
    return FREE + RATIO * packed


def read_array(path: Path, remedy: str = "save it anew") -> NDArray[Any]:
    """The array in an ``.npy`` file, mapped: what nobody looks at is not read.

    Args:
        remedy: what to do where it cannot be read.

    Raises:
        UserError: no such file, or not such a one; objects, or fewer numbers than it says.
    """
    with _reading(path, "an array", remedy):
        size = path.stat().st_size
        with path.open("rb") as file:
            shape, fortran, dtype = _header(file, size)
            place = file.tell()
        if not math.prod(shape):  # which cannot be mapped
            return np.zeros(shape, dtype)
        return np.memmap(path, dtype, "r", place, shape, "F" if fortran else "C")


def read_arrays(
    path: Path, wanted: Mapping[str, Kinds], remedy: str = "save it anew"
) -> dict[str, NDArray[Any]]:
    """Some arrays of an ``.npz`` archive, those that are there; no other is looked at.

    Args:
        wanted: names, each with the kinds of dtypes that it may have.
        remedy: what to do where it cannot be read.

    Raises:
        UserError: no such file, or not such a one; an array of another kind; archives that unpack
            to more than :func:`unpacks` says.
    """
    with _reading(path, "an .npz archive", remedy), zipfile.ZipFile(path) as archive:
        inside = set(archive.namelist())
        members = {name: f"{name}.npy" for name in wanted if f"{name}.npy" in inside}
        _require_small(archive, path, list(members.values()))
        found = {name: _member(archive, member) for name, member in members.items()}
    for name, array in found.items():
        if array.dtype.kind not in wanted[name]:
            raise UserError(
                f"{path}: {name} are {array.dtype} where {_NAMES[wanted[name]]} are needed"
            )
    return found


def unpack(
    path: Path, name: str, into: IO[bytes], shape: tuple[int, ...], remedy: str
) -> NDArray[np.uint8]:
    """An array of bytes of an archive, unpacked into an open file and mapped; for those too large
    for :func:`read_arrays`.

    Args:
        shape: that it must have.
        remedy: what to do where it cannot be read.

    Raises:
        UserError: no such archive, or no such array.
    """
    with _reading(path, "an .npz archive", remedy):
        with zipfile.ZipFile(path) as archive:
            info = archive.getinfo(f"{name}.npy")
            with archive.open(info) as member:
                found, fortran, dtype = _header(member, info.file_size)
                if (found, fortran, dtype) != (shape, False, np.dtype(np.uint8)):
                    raise ValueError(f"{name} are {dtype} {found}, not uint8 {shape}")
                shutil.copyfileobj(member, into, 1 << 20)
        into.flush()
        return np.memmap(into, dtype=np.uint8, mode="r", shape=shape)


@contextmanager
def _reading(path: Path, what: str, remedy: str) -> Iterator[None]:
    """A block in which whatever is wrong with a file becomes one line."""
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except _UNREADABLE as error:
        raise UserError(
            f"{path} cannot be read as {what} ({first_line(error)}): {remedy}"
        ) from None


def is_archive(path: Path) -> bool:
    """Whether a file is an ``.npz`` archive, by its first bytes; the rest is for its reader.

    Raises:
        UserError: no such file.
    """
    try:
        with path.open("rb") as file:
            return file.read(2) == b"PK"
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None


def _require_small(archive: zipfile.ZipFile, path: Path, members: list[str]) -> None:
    size = path.stat().st_size
    whole = sum(archive.getinfo(member).file_size for member in members)
    if whole > unpacks(size):
        raise ValueError(
            f"its {size} bytes unpack to {whole}: write what is so large without compression"
        )


def _member(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    info = archive.getinfo(name)
    with archive.open(info) as member:
        shape, fortran, dtype = _header(member, info.file_size)
        content = member.read(math.prod(shape) * dtype.itemsize)
    if len(content) != math.prod(shape) * dtype.itemsize:
        raise EOFError(f"{name} is cut short")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")


def _header(file: IO[bytes], size: int) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and dtype of the array whose numbers begin where the file then stands.

    Args:
        size: of the file, in bytes.

    Raises:
        ValueError: no header, of an array of objects or of nothing, or of more than the file holds.
    """
    start = file.read(8)
    version = np.lib.format.read_magic(io.BytesIO(start))
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"version {version} of the format, where 1 and 2 are read")
    width = 2 if version == (1, 0) else 4
    length = file.read(width)
    content = length + file.read(min(int.from_bytes(length, "little"), HEADER))
    read = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, fortran, dtype = read(io.BytesIO(content))
    if dtype.hasobject or dtype.fields or not dtype.itemsize:
        raise ValueError(f"it holds {str(dtype)[:60]}, no numbers")
    if any(length < 0 for length in shape):
        raise ValueError(f"no array has the shape {shape}")
    held = size - len(start) - len(content)
    if math.prod(shape) * dtype.itemsize > held:
        raise ValueError(f"it is cut short: {held} bytes are no {dtype} {shape}")
    return shape, fortran, dtype
