"""``ssavl encode``: latents of any number of images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssavl.images.picture import BACKGROUND
from ssavl.images.stream import ImageStream
from ssavl.latents.draws import together
from ssavl.latents.posterior import Posterior
from ssavl.latents.space import Factorised
from ssavl.model import Model
from ssavl.models.latent_table import stamped
from ssavl.storage.tables import open_table


def encode(
    model: Model,
    images: Sequence[Path],
    out: Path,
    background: str = BACKGROUND,
) -> dict[str, Any]:
    """Write one row per image, in memory that does not grow with their number.
    The generator is not needed.

    Columns: ``name``; each block's likeliest value; ``<block>_deviation``, the posterior's
    deviation in base space, where the prior's is 1; of a category its index, and
    ``<block>_probability`` of each value. Where the encoders give points and no distribution,
    there are values alone. An ``.npz`` has ``latents`` ``(N, D)`` as well, ready for
    ``ssavl decode``, where the encoders infer every block.

    Args:
        background: colour under transparent pixels.

    Returns:
        Counts, and the files that could not be read with the reason.

    Raises:
        UserError: a path that holds no image, an ending that names no format.
    """
    stream = ImageStream(images, model.image_shape, background)
    flat = out.suffix == ".npz" and model.inference.space.dim == model.latent_space.dim
    count, weights = 0, model.bundle.origin.weights
    with open_table(out) as table:
        for names, x in stream.batches(together(model.image_shape)):
            posterior = model.posterior(x)
            columns: dict[str, NDArray[Any]] = {
                "name": np.array(names),
                **posterior_columns(posterior),
            }
            if flat:
                columns["latents"] = model.complete(posterior).cpu().numpy()
            table.write(stamped(columns, weights))
            count += len(names)
    return {
        "images": count,
        "unreadable": stream.unreadable,
        "notes": stream.notes.lines(),
        "out": str(out),
    }


def posterior_columns(posterior: Posterior) -> dict[str, NDArray[Any]]:
    """A table's columns for a batch: values, deviations and probabilities, block by block."""
    columns: dict[str, NDArray[Any]] = {}
    modes = posterior.space.split(posterior.mode)
    told = posterior if isinstance(posterior, Factorised) else None
    for name, block in ((block.name, block) for block in posterior.space.blocks):
        mode = modes[name].argmax(-1) if block.role == "category" else modes[name]
        columns[name] = mode.cpu().numpy()
        if told is not None and block.role == "category":
            columns[f"{name}_probability"] = told.probabilities(name).cpu().numpy()
        elif told is not None:
            columns[f"{name}_deviation"] = told.gaussian(name).stddev.cpu().numpy()
    return columns
