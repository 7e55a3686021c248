"""``ssavl invert``: encode, then refine each image's latents."""

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
from ssavl.inversion.refinement import Refinement
from ssavl.latents.draws import together
from ssavl.metrics.reconstruction import reconstruction
from ssavl.model import Model
from ssavl.models.latent_table import stamped, table_columns
from ssavl.storage.tables import open_table


def invert(
    model: Model,
    images: Sequence[Path],
    out: Path,
    pictures: Path | None,
    refinement: Refinement,
    background: str = BACKGROUND,
) -> dict[str, Any]:
    """Write refined latents, one row per image, with the squared error before and after.

    Args:
        out: the table; ``.npz`` has ``latents`` ``(N, D)`` as well.
        pictures: a folder or ``.npy`` for the images of the refined latents.
        background: colour under transparent pixels.

    Returns:
        Counts, mean errors before and after (``mse`` summed over an image), and the files that
        could not be read.

    Raises:
        UserError: a path that holds no image; a generator that cannot be loaded, is another one or
            has no gradient.
    """
    stream = ImageStream(images, model.image_shape, background)
    count, passes, sums = 0, 0, {"start": 0.0, "end": 0.0}
    with open_table(out) as table, open_images(pictures) if pictures else nullcontext() as write:
        for names, x in stream.batches(together(model.image_shape)):
            refined = model.invert(x, refinement=refinement)
            parts = model.latent_space.split(refined.latents.cpu())
            columns = {"name": np.array(names), **table_columns(model.latent_space, parts)}
            if out.suffix == ".npz":
                columns["latents"] = refined.latents.cpu().numpy()
            columns |= {
                "start_mse": refined.start_errors.cpu().numpy(),
                "mse": refined.errors.cpu().numpy(),
            }
            table.write(stamped(columns, model.bundle.origin.weights))
            if write is not None:
                write(names, model.decode(refined.latents))
            count, passes = count + len(names), max(passes, refined.passes)
            sums["start"] += refined.start_errors.double().sum().item()
            sums["end"] += refined.errors.double().sum().item()
    pixels = int(np.prod(model.image_shape))
    return {
        "images": count,
        "before": reconstruction(torch.tensor([sums["start"] / count]), pixels),
        "after": reconstruction(torch.tensor([sums["end"] / count]), pixels),
        "passes": passes,
        "unreadable": stream.unreadable,
        "notes": stream.notes.lines(),
        "out": str(out),
    }
