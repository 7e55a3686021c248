"""Images that an array holds, in memory or mapped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssavl.datasets.drawn import shuffled
from ssavl.datasets.source import Chunk, Source
from ssavl.images.resize import fit_array
from ssavl.params.stages import PrepareDataParams


@dataclass(frozen=True)
class Stored:
    """Arrays that follow one another as images of one shape: what a source of them takes from.

    Attributes:
        arrays: uint8 ``(n, H, W)`` or ``(n, C, H, W)``.
        shape: channels, height and width of the images.
        order: places of the images; all in order when ``None``.
    """

    arrays: tuple[NDArray[np.uint8], ...]
    shape: tuple[int, int, int]
    order: NDArray[np.int64] | None = None

    def __call__(self, start: int, stop: int) -> Chunk:
        channels, size, _ = self.shape
        places = np.arange(start, stop) if self.order is None else self.order[start:stop]
        ends = np.cumsum([len(array) for array in self.arrays])
        which = np.searchsorted(ends, places, side="right")
        found = [
            fit_array(self.arrays[own][place - ends[own]], size, channels)  # from the array's end
            for own, place in zip(which, places, strict=True)
        ]
        return Chunk(np.stack(found))


def stored(
    params: PrepareDataParams,
    images: NDArray[np.uint8] | tuple[NDArray[np.uint8], ...],
    labels: NDArray[Any],
    parts: tuple[int, ...],
    classes: tuple[str, ...],
    seed: int = 0,
) -> Source:
    """Arrays of images as a source, of their own size where the parameters name none.

    Args:
        images: one array, or several that follow one another.
        labels: class of each image.
        parts: images of each split, in this order.
        classes: names of the classes.
        seed: of the draw, where the parameters ask for fewer images.

    Raises:
        UserError: a limit beyond the data.
    """
    arrays = images if isinstance(images, tuple) else (images,)
    own = arrays[0].shape[1:]
    shape = params.image_shape(own[-1], own[0] if len(own) == 3 else 1)
    labels = labels.astype(np.int64)
    order = None
    if params.limit is not None:
        drawn = shuffled(parts, params.limit, seed)
        order, parts = np.concatenate(drawn), tuple(map(len, drawn))
        labels = labels[order]
    return Source(params.dataset, shape, parts, Stored(arrays, shape, order), labels, classes)
