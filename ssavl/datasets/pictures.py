"""Images out of files, decoded on demand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ssavl.datasets.source import Chunk
from ssavl.errors import UserError, first_line
from ssavl.images.array import Images
from ssavl.images.file import UNREADABLE, Picture, decode, shown
from ssavl.images.listing import Files
from ssavl.images.notes import Notes
from ssavl.images.picture import BACKGROUND


@dataclass(frozen=True)
class Pictures:
    """Files as images of one shape: what a source of them takes from.

    Attributes:
        shape: channels, height and width of the images.
        background: colour under transparent pixels.
        crop: side of the centred square that is kept, in pixels of the file; the largest when
            ``None``.
    """

    files: Files
    shape: tuple[int, int, int]
    background: str = BACKGROUND
    crop: int | None = None

    def __call__(self, start: int, stop: int) -> Chunk:
        found, lost, notes = [], {}, Notes(self.shape)
        for place in range(start, stop):
            name = shown(Path(self.files.name(place)))
            try:
                picture = self._decoded(place)
            except UNREADABLE as error:
                lost[place] = (name, first_line(error, 200))
                continue
            notes.see(name, picture)
            found.append(picture.pixels)
        images = np.stack(found) if found else np.zeros((0, *self.shape), np.uint8)
        return Chunk(images, lost, notes)

    def one(self, place: int) -> Images:
        """The image at a place, uint8 ``(C, H, W)``.

        Raises:
            UserError: it cannot be read.
        """
        try:
            return self._decoded(place).pixels
        except UNREADABLE as error:
            raise UserError(
                f"{shown(self.files[place])} cannot be read ({first_line(error, 100)}): "
                "take it out of the data"
            ) from None

    def _decoded(self, place: int) -> Picture:
        channels, size, _ = self.shape
        return decode(self.files[place], size, channels, self.background, self.crop)
