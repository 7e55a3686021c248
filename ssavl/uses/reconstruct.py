"""``ssavl reconstruct``: the generator's own version of images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ssavl.images.stream import ImageStream
from ssavl.images.writer import open_images
from ssavl.metrics.reconstruction import reconstruction, squared_error
from ssavl.model import Model
from ssavl.storage.tables import open_table


def reconstruct(model: Model, images: Sequence[Path], out: Path, batch_size: int) -> dict[str, Any]:
    """Encode, decode, and write the images, and their errors into a table beside them.

    Args:
        out: a folder, which gets ``errors.csv`` too; or ``<name>.npy``, which gets ``<name>.csv``
            beside it.

    Returns:
        Counts, mean errors (``mse`` summed over an image), and the files that could not be read.

    Raises:
        UserError: a path that holds no image, a generator that cannot be loaded or is another one.
    """
    stream = ImageStream(images, model.image_shape)
    table_path = out.with_suffix(".csv") if out.suffix == ".npy" else out / "errors.csv"
    errors = []
    with open_images(out) as write, open_table(table_path) as table:
        for names, x in stream.batches(batch_size):
            x_hat = model.reconstruct(x).cpu()
            errors.append(squared_error(x, x_hat))
            table.write(
                {
                    "name": np.array(names),
                    "file": np.array(write(names, x_hat)),
                    "mse": errors[-1].numpy(),
                }
            )
    found = reconstruction(torch.cat(errors), int(np.prod(model.image_shape)))
    count = sum(map(len, errors))
    return {
        "images": count,
        **found,
        "unreadable": stream.unreadable,
        "out": str(out),
        "errors": str(table_path),
    }
