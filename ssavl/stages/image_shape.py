"""Whether a generator and prepared data speak of the same images."""

from __future__ import annotations

from pathlib import Path

from ssavl.datasets.prepared import Prepared
from ssavl.errors import UserError
from ssavl.generators import Generator, Source


def require_same_shape(generator: Generator, gan: Source, prepared: Prepared, data: Path) -> None:
    """Refuse a generator of other images than the data's.

    Raises:
        UserError: other channels, height or width.
    """
    if prepared.image_shape != tuple(generator.image_shape):
        raise UserError(f"{gan.spec} makes {generator.image_shape} images, but {data} holds {prepared.image_shape}")
