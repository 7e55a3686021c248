"""Images to watch while encoders are fitted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from ssavl.datasets.prepared import MANIFEST, Split, read_prepared
from ssavl.errors import UserError
from ssavl.images.stream import ImageStream

IMAGES = 256


def watched_images(paths: Sequence[Path], image_shape: tuple[int, int, int]) -> Tensor:
    """The first images ``(256 or fewer, C, H, W)``, in [0, 1].

    Args:
        paths: files, folders or arrays as ``encode`` takes them; or one folder of prepared data, of
            which it is the validation split, or the test split where that is empty.

    Raises:
        UserError: nothing that can be read, images that the generator does not make.
    """
    if len(paths) == 1 and (paths[0] / MANIFEST).is_file():
        prepared = read_prepared(paths[0])
        if prepared.image_shape != image_shape:
            raise UserError(
                f"{paths[0]} holds {prepared.image_shape} images, "
                f"and the generator makes {image_shape}"
            )
        split: Split = "validation" if prepared.manifest["splits"]["validation"] else "test"
        return next(prepared.batches(split, IMAGES))
    _, x = next(ImageStream(paths, image_shape).batches(IMAGES))
    return x
