"""A source, written as one array: chunk by chunk, on several processors, and from where it stopped.

What is under way lies in a folder of its own (``.ssavl/prepare-data-...``): the images so far, and
``progress.json`` beside them. Images are written before the progress is, so that whatever follows
the images it tells of is cut off when the preparation goes on.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from ssavl.datasets.source import Chunk, Source, Take
from ssavl.errors import UserError
from ssavl.images.notes import Notes
from ssavl.storage.documents import read_json
from ssavl.storage.files import atomic, write_json

IMAGES, PROGRESS = "images.npy", "progress.json"
CHUNK = 2**21  # bytes of images that a process hands over at a time
FEW = 4000  # images that are decoded before other processes have started
PAUSE = 2.0  # seconds between two records of the progress


@dataclass
class Progress:
    """How far a source is written, and what became of it.

    Attributes:
        lost: places of images that could not be read.
        unreadable: their names, and why.
        notes: what was seen while pictures were decoded.
    """

    done: int = 0
    lost: list[int] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    notes: Notes | None = None

    def see(self, chunk: Chunk, length: int) -> None:
        """Take a chunk of so many images into account."""
        self.done += length
        self.lost += chunk.lost
        self.unreadable |= dict(chunk.lost.values())
        if chunk.notes is not None:
            if self.notes is None:
                self.notes = chunk.notes
            else:
                self.notes.add(chunk.notes)

    @property
    def written(self) -> int:
        """Images that the array holds."""
        return self.done - len(self.lost)

    @property
    def plain(self) -> dict[str, Any]:
        """All of it, for a file."""
        notes = None if self.notes is None else self.notes.plain
        return {"done": self.done, "lost": self.lost, "unreadable": self.unreadable, "notes": notes}

    @classmethod
    def told(cls, plain: dict[str, Any]) -> Progress:
        """What :attr:`plain` says."""
        notes = None if plain["notes"] is None else Notes.told(plain["notes"])
        return cls(plain["done"], plain["lost"], plain["unreadable"], notes)


def write_images(source: Source, folder: Path, workers: int) -> Progress:
    """Write ``images.npy`` into ``folder``, ``(N, C, H, W)`` of those images that can be read.

    Args:
        folder: for this source alone; where an earlier call was stopped, this one goes on.
        workers: processes that decode, beside this one; 0 for none.

    Raises:
        UserError: whatever the source finds wrong.
    """
    folder.mkdir(parents=True, exist_ok=True)
    header = len(_header(source, len(source)))
    with (folder / IMAGES).open("ab") as file:
        progress = _so_far(source, folder, file.tell() - header)
        file.truncate(header + progress.written * source.image_bytes if progress.done else 0)
        if not progress.done:
            file.write(_header(source, len(source)))
        recorded = time.monotonic()
        length = max(1, CHUNK // source.image_bytes)
        bar = tqdm(initial=progress.done, total=len(source), desc="preparing", disable=None)
        with bar:
            for start, chunk in _chunks(source, progress.done, length, workers):
                # Plain writes, not a memory map: on a full disk a mapped page dies of SIGBUS, a
                # write says why.
                file.write(chunk.images.tobytes())
                stop = min(start + length, len(source))
                progress.see(chunk, stop - start)
                bar.update(stop - start)
                if time.monotonic() - recorded > PAUSE:
                    _record(file, folder, progress)
                    recorded = time.monotonic()
        _record(file, folder, progress)
    with (folder / IMAGES).open("r+b") as file:
        file.write(_header(source, progress.written))
    return progress


def move(old: Path, new: Path) -> None:
    """A file to its place, in one step, or by a copy where a mount lies between them."""
    new.parent.mkdir(parents=True, exist_ok=True)
    try:
        old.replace(new)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with old.open("rb") as file, atomic(new) as copy:
            shutil.copyfileobj(file, copy, 1 << 20)


def _header(source: Source, count: int) -> bytes:
    """Of the array of so many images; NumPy leaves room in it, so that all are of one length."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (count, *source.shape)}
    )
    return header.getvalue()


def _so_far(source: Source, folder: Path, held: int) -> Progress:
    """What an earlier preparation recorded; nothing, where there is none whose images are there.

    Args:
        held: bytes of images that the array holds.
    """
    if not (folder / PROGRESS).is_file():
        return Progress()
    try:
        found = Progress.told(read_json(folder / PROGRESS))
    except (UserError, KeyError, TypeError):
        return Progress()
    whole = 0 <= found.written * source.image_bytes <= held and found.done <= len(source)
    return found if whole else Progress()


def _record(file: IO[bytes], folder: Path, progress: Progress) -> None:
    file.flush()
    os.fsync(file.fileno())
    write_json(folder / PROGRESS, progress.plain)


class _Chunks(Dataset[Chunk | UserError]):
    """Chunks by number, from an image on, as another process takes them."""

    def __init__(self, take: Take, spans: list[tuple[int, int]]) -> None:
        self.take, self.spans = take, spans

    def __len__(self) -> int:
        return len(self.spans)

    def __getitem__(self, index: int) -> Chunk | UserError:
        try:
            return self.take(*self.spans[index])
        except UserError as error:  # torch would lay a traceback round what it says
            return error


def _chunks(source: Source, done: int, length: int, workers: int) -> Iterator[tuple[int, Chunk]]:
    """Where each chunk starts, and its images, in order."""
    starts = range(done, len(source), length)
    spans = [(start, min(start + length, len(source))) for start in starts]
    chunks = _Chunks(source.take, spans)
    elsewhere = source.costly and len(source) - done > FEW
    for start, chunk in zip(
        starts,
        DataLoader(
            chunks,
            batch_size=None,
            num_workers=workers if elsewhere else 0,
            collate_fn=_as_it_is,
            generator=torch.Generator(),  # of its own: it draws a seed that nobody needs
        ),
        strict=True,
    ):
        if isinstance(chunk, UserError):
            raise chunk
        yield start, chunk


def _as_it_is(chunk: Any) -> Any:
    return chunk
