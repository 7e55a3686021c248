"""``ssavl reconstruct``: the generator's own version of images."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ssavl.images.picture import BACKGROUND
from ssavl.images.stream import ImageStream
from ssavl.images.writer import open_images
from ssavl.latents.draws import together
from ssavl.metrics.reconstruction import reconstruction, squared_error
from ssavl.model import Model
from ssavl.storage.tables import open_table


def reconstruct(
    model: Model,
    images: Sequence[Path],
    out: Path,
    errors: Path | None,
    background: str = BACKGROUND,
) -> dict[str, Any]:
    """Encode, decode, and write the images, and the error of each into a table.

    Args:
        out: a folder, or ``<name>.npy``.
        errors: the table; ``None`` is ``errors.csv`` in the folder, and beside a ``.npy`` none,
            where nobody named one.
        background: colour under transparent pixels.

    Returns:
        Counts, mean errors (``mse`` summed over an image), and the files that could not be read.

    Raises:
        UserError: a path that holds no image, a generator that cannot be loaded or is another one.
    """
    stream = ImageStream(images, model.image_shape, background)
    if errors is None and out.suffix != ".npy":
        errors = out / "errors.csv"
    total, count = 0.0, 0  # no tensor per batch is kept: memory is flat in the number of images
    with open_images(out) as write, open_table(errors) if errors else nullcontext() as table:
        for names, x in stream.batches(together(model.image_shape)):
            x_hat = model.reconstruct(x).cpu()
            mse = squared_error(x, x_hat)
            total, count = total + mse.double().sum().item(), count + len(mse)
            places = np.array(write(names, x_hat))
            if table is not None:
                columns = {"name": np.array(names), "file": places, "mse": mse.numpy()}
                table.write(columns)
    return {
        "images": count,
        **reconstruction(torch.tensor([total / count]), int(np.prod(model.image_shape))),
        "unreadable": stream.unreadable,
        "notes": stream.notes.lines(),
        "out": str(out),
        "errors": None if errors is None else str(errors),
    }
