"""Images as people hold them - files, folders, arrays - one batch at a time,
however many there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from ssavl.errors import UserError, first_line
from ssavl.images.file import UNREADABLE, decode, shown
from ssavl.images.listing import Files, image_files
from ssavl.images.notes import Notes
from ssavl.images.picture import BACKGROUND
from ssavl.images.resize import cut
from ssavl.storage.arrays import read_array

ARRAY = ".npy"
CHUNK = 1000  # images of an array that are in memory at once


class ImageStream:
    """Images of one shape from any number of paths, in order.

    A path is an image file, a folder (every image below it, or the ``images.npy`` of prepared data)
    or a ``.npy`` array: ``(N, H, W)``, ``(N, C, H, W)`` or ``(N, H, W, C)``, uint8 or floats in
    [0, 1], memory-mapped. Files are taken as they are meant (:mod:`ssavl.images.picture`), cut to
    the largest centred square and resampled; so are uint8 arrays of another size.

    Args:
        paths: at least one.
        image_shape: channels, height and width of the images to give.
        background: colour under transparent pixels.

    Attributes:
        unreadable: files that could not be read, and why; filled while batches are drawn.
        notes: what else a person should know of how they were read; filled likewise.

    Raises:
        UserError: a path that does not exist or holds no image, an array that holds no images of
            this kind.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        image_shape: tuple[int, int, int],
        background: str = BACKGROUND,
    ) -> None:
        self.channels, self.size, _ = image_shape
        self.background = background
        self.unreadable: dict[str, str] = {}
        self.notes = Notes(image_shape)
        self._entries: list[Files | tuple[Path, int]] = []  # an array with its length
        for path in paths:
            if path.is_dir() and (path / "images.npy").is_file():
                path = path / "images.npy"
            if path.is_dir():
                found, others = image_files(path)
                if not found:
                    raise UserError(f"{path} holds no image")
                self._entries.append(found)
                self.notes.skipped += others
            elif not path.is_file():
                raise UserError(f"{path} does not exist")
            elif path.suffix == ARRAY:
                self._entries.append((path, len(self._open(path))))
            else:
                self._entries.append(Files(path.parent, [path.name]))

    def __len__(self) -> int:
        """How many images there are, readable or not."""
        return sum(e[1] if isinstance(e, tuple) else len(e) for e in self._entries)

    def batches(self, size: int) -> Iterator[tuple[list[str], Tensor]]:
        """Names, and images ``(size or less, C, H, W)`` in [0, 1] on the CPU;
        what cannot be read is left out.

        Raises:
            UserError: nothing could be read; a float array that leaves [0, 1].
        """
        names: list[str] = []
        images: list[Tensor] = []
        given = False
        for name, image in tqdm(
            self._images(), total=len(self), disable=None, unit="image", leave=False
        ):
            names.append(name)
            images.append(image)
            if len(names) == size:
                yield names, torch.stack(images)
                names, images, given = [], [], True
        if names:
            yield names, torch.stack(images)
        elif not given:
            first, reason = next(iter(self.unreadable.items()))
            raise UserError(f"none of the {len(self)} images can be read; {first}: {reason}")

    def _images(self) -> Iterator[tuple[str, Tensor]]:
        for entry in self._entries:
            yield from self._stored(*entry) if isinstance(entry, tuple) else self._decoded(entry)

    def _stored(self, path: Path, count: int) -> Iterator[tuple[str, Tensor]]:
        """Images of an array."""
        for start in range(0, count, CHUNK):
            # Mapped anew each time: pages of an open map count as this process's memory once they
            # are read.
            for index, image in enumerate(np.array(self._open(path)[start : start + CHUNK])):
                yield f"{shown(path)}[{start + index}]", self._float(path, image)

    def _decoded(self, files: Files) -> Iterator[tuple[str, Tensor]]:
        """Images of files, but those that cannot be read."""
        for path in files:
            try:
                picture = decode(path, self.size, self.channels, self.background)
            except UNREADABLE as error:
                self.unreadable[shown(path)] = first_line(error, 200)
                continue
            self.notes.see(shown(path), picture)
            yield shown(path), torch.from_numpy(np.array(picture.pixels)).float() / 255

    def _open(self, path: Path) -> NDArray[Any]:
        array = read_array(path)
        of_pixels = array.dtype == np.uint8 or array.dtype.kind == "f"
        if not of_pixels or not array.size or self._channels_of(array) not in (1, 3):
            raise UserError(
                f"{path} holds {array.dtype} {array.shape}, not images: (N, H, W), (N, C, H, W) or "
                "(N, H, W, C) with 1 or 3 channels, uint8 or floats in [0, 1]"
            )
        return array

    def _channels_of(self, array: NDArray[Any]) -> int:
        """0 where the array has not the dimensions of images."""
        if array.ndim == 3:
            return 1
        if array.ndim != 4:
            return 0
        channels_first = array.shape[1] in (1, 3)
        return array.shape[1] if channels_first else array.shape[3]

    def _float(self, path: Path, image: NDArray[Any]) -> Tensor:
        if image.ndim == 2:
            image = image[None]
        elif image.shape[0] not in (1, 3):
            image = image.transpose(2, 0, 1)
        if image.dtype == np.uint8:
            if image.shape != (self.channels, self.size, self.size):
                image = cut(_picture(image), self.size, self.channels)
            return torch.from_numpy(np.array(image)).float() / 255
        if image.shape != (self.channels, self.size, self.size):
            raise UserError(
                f"{path} holds {image.shape} floats; {(self.channels, self.size, self.size)} are "
                "needed"
            )
        if not (np.isfinite(image).all() and image.min() >= 0 and image.max() <= 1):
            raise UserError(
                f"{path} leaves [0, 1] ({image.min():g} to {image.max():g}): "
                "rescale it, or save uint8"
            )
        return torch.from_numpy(np.array(image, dtype=np.float32))


def _picture(image: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(
        image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0))
    )
