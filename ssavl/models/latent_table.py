"""Tables of latents, whichever command wrote them in whichever format."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ssavl.errors import UserError, first_line
from ssavl.latents.priors import Block
from ssavl.latents.space import LatentSpace
from ssavl.models.given import as_latents
from ssavl.storage.arrays import NUMBERS, TEXT, WHOLE, is_archive, read_array, read_arrays
from ssavl.storage.tables import FORMATS

GENERATOR = "generator"  # column: hash of the weights that the latents are of
FLAT = "latents"  # array of an .npz: every block in a row
TABLES = tuple(FORMATS)

Columns = Mapping[str, NDArray[Any]]


def stamped(columns: Columns, weights: str) -> dict[str, NDArray[Any]]:
    """A batch of a table with the column that says whose latents they are."""
    count = len(next(iter(columns.values())))
    return {**columns, GENERATOR: np.full(count, weights)}


def table_columns(space: LatentSpace, parts: Mapping[str, Tensor]) -> dict[str, NDArray[Any]]:
    """Blocks of latents, ``(B, dim)`` each, as a table has them."""
    return {
        block.name: (
            parts[block.name].argmax(-1) if block.role == "category" else parts[block.name]
        ).numpy()
        for block in space.blocks
    }


def read_latents(path: Path, space: LatentSpace, weights: str | None) -> Tensor:
    """Latents ``(N, D)`` of a table of ``encode``, ``invert`` or ``sample``, or of a ``.npy``.

    A category is one column, its index; any other block one column per dimension.

    Args:
        weights: hash of the generator's, which a table that names one must name; ``None`` for any.

    Raises:
        UserError: no such file; one that cannot be read, lacks a block, or is another generator's.
    """
    if path.suffix == ".npy" or (path.suffix not in TABLES and not is_archive(path)):
        return _checked(read_array(path), space, path)
    if path.suffix == ".csv":
        columns = _of_csv(path, space)
    elif path.suffix == ".parquet":
        columns = _of_parquet(path, space)
    else:
        columns = _of_npz(path, space)
    named = set(columns[GENERATOR].ravel().tolist()) if GENERATOR in columns else set()
    if weights is not None and named - {weights}:
        raise UserError(
            f"{path} holds latents of a generator with other weights: name that one, or add "
            "--any-generator if these shall be used all the same"
        )
    if FLAT in columns:
        return _checked(columns[FLAT], space, path)
    parts = [_block(columns, block, path) for block in space.blocks]
    if len({len(part) for part in parts}) > 1:
        raise UserError(f"{path}: its columns are of several lengths")
    return _checked(np.concatenate(parts, axis=1), space, path)


def _checked(array: NDArray[Any], space: LatentSpace, path: Path) -> Tensor:
    if not array.size:
        raise UserError(f"{path} holds no array of latents: there is no number in it")
    return as_latents(array, space, str(path))


def _block(columns: Columns, block: Block, path: Path) -> NDArray[np.float32]:
    found = [columns[name] for name in _names(block) if name in columns]
    if block.role != "category" and block.name in columns:
        found = [columns[block.name]]
    if any(column.ndim > 2 or column.ndim == 0 for column in found) or (
        len(found) > 1 and any(column.ndim > 1 or len(column) != len(found[0]) for column in found)
    ):
        raise UserError(f"{path}: {block.name} is no column of numbers")
    if not found:
        raise UserError(
            f"{path} has no column {_names(block)[0]}: it needs all blocks of the latents, "
            "as `ssavl encode` writes them"
        )
    if block.role == "category":
        index = found[0].astype(np.int64)
        if index.ndim != 1 or not ((index >= 0) & (index < block.dim)).all():
            raise UserError(f"{path}: {block.name} is no index from 0 to {block.dim - 1}")
        one_hot: NDArray[np.float32] = np.eye(block.dim, dtype=np.float32)[index]
        return one_hot
    values = found[0] if found[0].ndim == 2 else np.stack(found, axis=1)
    if values.shape[1] != block.dim:
        raise UserError(
            f"{path} has {values.shape[1]} columns of {block.name}, where {block.dim} are needed"
        )
    return values.astype(np.float32)


def _names(block: Block) -> list[str]:
    """Columns of a block in a flat table."""
    if block.role == "category":
        return [block.name]
    return [f"{block.name}_{index}" for index in range(block.dim)]


def _wanted(space: LatentSpace) -> list[str]:
    return [*(name for block in space.blocks for name in _names(block)), GENERATOR]


def _of_npz(path: Path, space: LatentSpace) -> Columns:
    kinds = {b.name: WHOLE if b.role == "category" else NUMBERS for b in space.blocks}
    return read_arrays(path, {**kinds, FLAT: NUMBERS, GENERATOR: TEXT})


def _of_csv(path: Path, space: LatentSpace) -> Columns:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            head = next(reader, [])
            places = {name: head.index(name) for name in _wanted(space) if name in head}
            rows = [[row[place] for place in places.values()] for row in reader]
        turned = zip(*rows, strict=True) if rows else ([] for _ in places)
        cells = dict(zip(places, turned, strict=True))
        return {
            name: np.array(column, dtype=np.str_ if name == GENERATOR else np.float64)
            for name, column in cells.items()
        }
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except (UnicodeDecodeError, csv.Error, IndexError, ValueError) as error:
        raise UserError(f"{path} is no table of latents ({first_line(error)})") from None


def _of_parquet(path: Path, space: LatentSpace) -> Columns:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise UserError("reading .parquet needs pyarrow: pip install 'ssavl[parquet]'") from None
    if not path.is_file():
        raise UserError(f"{path} does not exist")
    try:
        held: Sequence[str] = parquet.read_schema(path).names
        names = [name for name in _wanted(space) if name in held]
        table = parquet.read_table(path, columns=names)
        return {name: table[name].to_numpy() for name in names}
    except (OSError, ValueError, TypeError, pyarrow.ArrowException) as error:
        raise UserError(f"{path} is no table of latents ({first_line(error)})") from None
