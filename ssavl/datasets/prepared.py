"""Prepared images: one uint8 array that training memory-maps, and a manifest that says what it is.

``images.npy`` is ``(N, C, H, W)`` with training, validation and test images in this order;
``labels.npy``, where there are labels, ``(N,)``; ``manifest.json`` holds counts, classes and the
hash of every array.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssavl.datasets.manifest import read_manifest
from ssavl.datasets.preparation import IMAGES, move, write_images
from ssavl.datasets.source import Source
from ssavl.datasets.splits import classified, split
from ssavl.errors import UserError
from ssavl.images.batch import as_floats
from ssavl.images.draws import Draws
from ssavl.storage.arrays import read_array
from ssavl.storage.files import sha256, write_bytes, write_json

Split = Literal["train", "validation", "test"]

AGAIN = "run `ssavl prepare-data` again"
LABELS, MANIFEST = "labels.npy", "manifest.json"


def write_prepared(
    source: Source, folder: Path, validation: int, scratch: Path, workers: int = 0
) -> dict[str, Any]:
    """Write a source into ``folder``, chunk by chunk, and return the manifest.

    Args:
        validation: how many of the last training images become the validation split.
        scratch: folder for what is under way; a preparation that was stopped goes on from there.
        workers: processes that decode files.

    Raises:
        UserError: no image left to train on, or to test on.
    """
    split(source, (), validation)  # before hours of decoding
    done = write_images(source, scratch, workers)
    splits = split(source, done.lost, validation)
    move(scratch / IMAGES, folder / IMAGES)
    hashes = {IMAGES: sha256(folder / IMAGES)}
    labels, classes = classified(source, done.lost)
    if labels is not None:
        buffer = io.BytesIO()
        np.save(buffer, labels)
        write_bytes(folder / LABELS, buffer.getvalue())
        hashes[LABELS] = sha256(folder / LABELS)
    else:
        (folder / LABELS).unlink(missing_ok=True)
    notes = source.seen
    if notes is not None and done.notes is not None:
        notes.add(done.notes)
    manifest = {
        "dataset": source.name,
        "image_shape": list(source.shape),
        "splits": splits,
        "classes": list(classes),
        "unreadable": done.unreadable,
        "notes": [*source.notes, *(notes.lines() if notes is not None else ())],
        "sha256": hashes,
    }
    write_json(folder / MANIFEST, manifest)
    shutil.rmtree(scratch)
    with suppress(OSError):  # others prepare there as well
        scratch.parent.rmdir()
    return manifest


@dataclass(frozen=True)
class Prepared:
    """A prepared data set, memory-mapped.

    Attributes:
        images: uint8 ``(N, C, H, W)``.
        labels: int64 ``(N,)``, or ``None``.
        manifest: as in ``manifest.json``.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64] | None
    manifest: dict[str, Any]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        return tuple(self.manifest["image_shape"])

    def span(self, split: Split) -> range:
        """Indices of a split. Raises ``UserError`` when it is empty."""
        counts = self.manifest["splits"]
        start = 0
        for name, count in counts.items():
            if name == split:
                if count == 0:
                    raise UserError(
                        f"the data have no {split} images: set prepare-data.{split} and prepare "
                        "them anew"
                    )
                return range(start, start + count)
            start += count
        raise UserError(f"the data have no split '{split}', only {', '.join(counts)}")

    def draws(self, split: Split, rng: torch.Generator) -> Draws:
        """The split as methods see it. Raises ``UserError`` when it is empty."""
        labels = None
        take = partial(self.take, split)
        if rng.device.type == "cuda" and self._fits(rng.device):
            take = partial(_resident, self._on(rng.device, split))
        if self.labels is not None:
            labels = torch.tensor(self.labels_of(split), device=rng.device)
        return Draws(
            self.image_shape,
            len(self.span(split)),
            take,
            partial(self.batches, split),
            rng,
            labels,
        )

    def _fits(self, device: torch.device) -> bool:
        """Whether all images take at most a quarter of what a GPU has free."""
        free, _ = torch.cuda.mem_get_info(device)
        return self.images.nbytes <= free / 4

    def _on(self, device: torch.device, split: Split) -> Tensor:
        """The images of a split as they are stored, on a device."""
        span = self.span(split)
        return torch.from_numpy(np.array(self.images[span.start : span.stop])).to(device)

    def take(self, split: Split, index: Tensor) -> Tensor:
        """The images at these positions of a split,
        ``(len(index), C, H, W)`` in [0, 1] on the index's device.
        """
        return _floats(self.images[index.cpu().numpy() + self.span(split).start]).to(index.device)

    def batches(self, split: Split, size: int) -> Iterator[Tensor]:
        """The split in order, float ``(size or less, C, H, W)`` in [0, 1] on the CPU."""
        span = self.span(split)
        for start in range(span.start, span.stop, size):
            yield _floats(self.images[start : min(start + size, span.stop)])

    def labels_of(self, split: Split) -> NDArray[np.int64]:
        """Classes of a split. Raises ``UserError`` when the data have no labels."""
        if self.labels is None:
            raise UserError(
                "the data have no labels, so there is no accuracy: set evaluate.clustering to false"
            )
        span = self.span(split)
        return np.asarray(self.labels[span.start : span.stop])


def read_prepared(folder: Path) -> Prepared:
    """The prepared data in a folder; arrays are mapped, not read.

    Raises:
        UserError: a missing folder or file, or an array that does not fit the manifest.
    """
    if not folder.is_dir():
        raise UserError(f"data folder {folder} does not exist: run `ssavl prepare-data` first")
    if not (folder / MANIFEST).is_file():
        raise UserError(
            f"data folder {folder} holds no prepared data: "
            f"run `ssavl prepare-data --out {folder}` first"
        )
    said, manifest = read_manifest(folder / MANIFEST)
    arrays = {IMAGES: read_array(folder / IMAGES, AGAIN)}
    needed: dict[str, tuple[Any, tuple[int, ...]]] = {
        IMAGES: (np.uint8, (said.count, *said.image_shape))
    }
    if said.sha256.labels is not None:
        arrays[LABELS] = read_array(folder / LABELS, AGAIN)
        needed[LABELS] = (np.int64, (said.count,))
    for name, array in arrays.items():
        if (array.dtype, array.shape) != needed[name]:
            raise UserError(
                f"{folder / name} holds {array.dtype} {array.shape}, which does not fit "
                f"{MANIFEST}: run `ssavl prepare-data` again"
            )
    for name in arrays:
        if sha256(folder / name) != manifest["sha256"][name]:
            raise UserError(
                f"{folder / name} is not what {MANIFEST} says it is: it was changed, damaged, or "
                "left by a preparation that was stopped: run `ssavl prepare-data` again"
            )
    labels = arrays.get(LABELS)
    if labels is not None and not (labels.min() >= 0 and labels.max() < len(said.classes)):
        raise UserError(
            f"{folder / LABELS} has labels from {labels.min()} to {labels.max()}, where there are "
            f"{len(said.classes)} classes: run `ssavl prepare-data` again"
        )
    return Prepared(arrays[IMAGES], labels, manifest)


def _resident(images: Tensor, index: Tensor) -> Tensor:
    """Images out of uint8 ones on a device, without a copy from the host."""
    return as_floats(images[index])


def _floats(images: NDArray[np.uint8]) -> Tensor:
    return as_floats(torch.from_numpy(np.array(images)))
