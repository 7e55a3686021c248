"""``ssavl interpolate``: the walk between images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import torch

from ssavl.errors import UserError
from ssavl.figures.animation import animation
from ssavl.figures.grid import mosaic
from ssavl.images.picture import BACKGROUND
from ssavl.images.stream import ImageStream
from ssavl.model import Model
from ssavl.models.latent_table import TABLES, read_latents
from ssavl.storage.files import atomic

MANY = 256  # images: a picture of more is of no use, and they are held at once


def interpolate(
    model: Model,
    images: Sequence[Path],
    out: Path,
    steps: int,
    background: str = BACKGROUND,
    refine: int = 0,
) -> dict[str, Any]:
    """Walk from each of some images, or of some latents, to the next:
    a row per pair in a PNG, one frame after the other in a GIF.

    Args:
        images: at least two, which are encoded; or tables of latents.
        out: ``.png`` or ``.gif``.
        steps: of each walk, both ends among them.
        background: colour under transparent pixels.
        refine: steps of refinement of what was encoded.

    Raises:
        UserError: fewer than two images or too many, images beside tables, another ending, a
            generator that cannot be loaded.
    """
    if out.suffix not in (".png", ".gif"):
        raise UserError(f"{out}: name a .png or a .gif")
    tables = [path for path in images if path.suffix in TABLES]
    if tables and len(tables) < len(images):
        raise UserError("name images, or tables of latents, not both")
    told: dict[str, Any] = {}
    if tables:
        weights = model.bundle.origin.weights
        latents = torch.cat([read_latents(path, model.latent_space, weights) for path in tables])
        latents = latents.to(model.compute.device)
        _require(len(latents))
    else:
        stream = ImageStream(images, model.image_shape, background)
        _require(len(stream))
        x = torch.cat([batch for _, batch in stream.batches(MANY)])
        latents = model.invert(x, refine).latents if refine else model.encode(x)
        told = {"unreadable": stream.unreadable, "notes": stream.notes.lines()}
    walks = model.walk(latents[:-1], latents[1:], steps)
    if out.suffix == ".png":
        content = iio.imwrite("<bytes>", mosaic(walks), extension=".png")
    else:
        content = animation(list(walks.flatten(0, 1)[:, None, None]))
    with atomic(out) as file:
        file.write(content)
    return {"images": len(latents), "steps": steps, **told, "out": str(out)}


def _require(count: int) -> None:
    if not 2 <= count <= MANY:
        raise UserError(f"a walk needs 2 to {MANY} images, not {count}")
