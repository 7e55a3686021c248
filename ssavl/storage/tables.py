"""Tables written batch by batch, in memory that does not grow: ``.npz``, ``.csv``, ``.parquet``.

A column is an array ``(B,)`` or ``(B, d)`` per batch. In ``.npz`` it stays one array; elsewhere a
wide one becomes the columns ``name_0`` to ``name_<d-1>``.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ssavl.errors import UserError
from ssavl.storage.files import atomic
from ssavl.storage.partial import spool

Columns = Mapping[str, NDArray[Any]]

# rows of a .parquet file's groups: what describes them stays in memory until the end
ROW_GROUP = 10_000


class Table(Protocol):
    """A table being written."""

    def write(self, columns: Columns) -> None:
        """Append one batch; every batch has the same columns."""
        ...

    def close(self) -> None:
        """Write what is still missing."""
        ...


@contextmanager
def open_table(path: Path) -> Iterator[Table]:
    """A table that replaces ``path`` when the block ends well,
    and leaves no trace when it does not.

    Raises:
        UserError: an ending that names no format, or a missing library; in the block, a number that
            is not finite.
    """
    if path.suffix not in FORMATS:
        raise UserError(f"{path}: the ending chooses the format: {', '.join(FORMATS)}")
    with atomic(path) as file, ExitStack() as stack:
        table = _Finite(FORMATS[path.suffix](file, path.parent, stack), path)
        yield table
        table.close()


class _Finite:
    """A table that takes finite numbers alone: no reader of it would expect another."""

    def __init__(self, table: Table, path: Path) -> None:
        self.table, self.path = table, path

    def write(self, columns: Columns) -> None:
        for name, column in columns.items():
            if column.dtype.kind != "f" or np.isfinite(column).all():
                continue
            row = int(np.flatnonzero(~np.isfinite(column.reshape(len(column), -1)).all(1))[0])
            whose = columns["name"][row] if "name" in columns else f"row {row}"
            raise UserError(
                f"{self.path}: {name} of {whose!s:.80} is not finite, so nothing was written: the "
                "encoders or their generator have no answer to it"
            )
        self.table.write(columns)

    def close(self) -> None:
        self.table.close()


class _Npz:
    """Each column is spooled to a file, and becomes an array when its length,
    and the longest text, is known.
    """

    def __init__(self, file: IO[bytes], folder: Path, stack: ExitStack) -> None:
        self.file, self.folder, self.stack = file, folder, stack
        self.spools: dict[str, tuple[IO[bytes], np.dtype[Any], tuple[int, ...]]] = {}
        self.count = self.width = 0

    def write(self, columns: Columns) -> None:
        for name, column in columns.items():
            if name not in self.spools:
                self.spools[name] = (
                    self.stack.enter_context(spool(self.folder)),
                    column.dtype,
                    column.shape[1:],
                )
            values, dtype, _ = self.spools[name]
            if dtype.kind == "U":
                self.width = max(self.width, 1, *(len(text) for text in column.tolist()))
                values.write(
                    b"".join(json.dumps(text).encode() + b"\n" for text in column.tolist())
                )
            else:
                values.write(np.ascontiguousarray(column, dtype).tobytes())
        self.count += len(next(iter(columns.values())))

    def close(self) -> None:
        with zipfile.ZipFile(self.file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name, (values, dtype, shape) in self.spools.items():
                values.seek(0)
                if dtype.kind == "U":
                    dtype = np.dtype(f"<U{self.width}")
                header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False}
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array_header_1_0(
                        member, {**header, "shape": (self.count, *shape)}
                    )
                    if dtype.kind == "U":
                        for line in values:
                            member.write(np.array(json.loads(line), dtype).tobytes())
                    else:
                        shutil.copyfileobj(values, member, 1 << 20)


class _Csv:
    def __init__(self, file: IO[bytes], folder: Path, stack: ExitStack) -> None:
        # Never closed, so that the file beneath stays open for its owner; close() flushes it.
        self.text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        self.writer = csv.writer(self.text)
        self.started = False

    def write(self, columns: Columns) -> None:
        flat = _flat(columns)
        if not self.started:
            self.writer.writerow(flat)
            self.started = True
        self.writer.writerows(zip(*(column.tolist() for column in flat.values()), strict=True))

    def close(self) -> None:
        self.text.detach()


class _Parquet:
    def __init__(self, file: IO[bytes], folder: Path, stack: ExitStack) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise UserError(
                "writing .parquet needs pyarrow: pip install 'ssavl[parquet]'"
            ) from None
        self.arrow = pyarrow
        self.file, self.stack = file, stack
        self.writer: Any = None
        self.pending: list[Any] = []

    def write(self, columns: Columns) -> None:
        self.pending.append(
            self.arrow.table(
                {name: self.arrow.array(column) for name, column in _flat(columns).items()}
            )
        )
        if sum(map(len, self.pending)) >= ROW_GROUP:
            self._flush()

    def close(self) -> None:
        if self.pending:
            self._flush()
        if self.writer is not None:
            self.writer.close()

    def _flush(self) -> None:
        group = self.arrow.concat_tables(self.pending)
        if self.writer is None:
            self.writer = self.stack.enter_context(
                self.arrow.parquet.ParquetWriter(self.file, group.schema)
            )
        self.writer.write_table(group)
        self.pending = []


FORMATS: dict[str, Callable[[IO[bytes], Path, ExitStack], Table]] = {
    ".npz": _Npz,
    ".csv": _Csv,
    ".parquet": _Parquet,
}


def _flat(columns: Columns) -> dict[str, NDArray[Any]]:
    result = {}
    for name, column in columns.items():
        if column.ndim == 1:
            result[name] = column
        else:
            result |= {f"{name}_{index}": column[:, index] for index in range(column.shape[1])}
    return result
