"""``ssavl reconstruct --sheet``: originals, encodings and refinements in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from ssavl.figures.grid import image_grid
from ssavl.figures.save import save_figure
from ssavl.images.stream import ImageStream
from ssavl.model import Model

COLUMNS = 16  # images that a sheet shows at most


def draw(model: Model, images: Sequence[Path], out: Path, refine: int, background: str) -> None:
    """Write the picture of the first images: a row each of originals, of the generator's images at
    the encoded latents, and of those at refined ones.

    Args:
        out: a ``.png``.
        refine: steps of refinement.
        background: colour under transparent pixels.

    Raises:
        UserError: no image that can be read, a generator without a gradient.
    """
    stream = ImageStream(images, model.image_shape, background)
    _, x = next(stream.batches(COLUMNS))
    refined = model.decode(model.invert(x, refine).latents)
    rows = torch.stack([x, model.reconstruct(x).cpu(), refined.cpu()])
    labels = ["original", "encoded", f"refined, {refine} steps"]
    save_figure(out, image_grid(rows, "images and the generator's own versions", labels))
