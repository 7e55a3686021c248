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
from ssavl.storage.files import atomic

MANY = 256  # images: a picture of more is of no use, and they are held at once


def interpolate(
    model: Model,
    images: Sequence[Path],
    out: Path,
    steps: int,
    background: str = BACKGROUND,
) -> dict[str, Any]:
    """Encode images and walk from each to the next:
    a row per pair in a PNG, one frame after the other in a GIF.

    Args:
        images: at least two.
        out: ``.png`` or ``.gif``.
        steps: of each walk, both ends among them.
        background: colour under transparent pixels.

    Raises:
        UserError: fewer than two images or too many, another ending, a generator that cannot be
            loaded.
    """
    if out.suffix not in (".png", ".gif"):
        raise UserError(f"{out}: name a .png or a .gif")
    stream = ImageStream(images, model.image_shape, background)
    if not 2 <= len(stream) <= MANY:
        raise UserError(f"a walk needs 2 to {MANY} images, not {len(stream)}")
    x = torch.cat([batch for _, batch in stream.batches(MANY)])
    latents = model.encode(x)
    walks = model.walk(latents[:-1], latents[1:], steps)
    if out.suffix == ".png":
        content = iio.imwrite("<bytes>", mosaic(walks), extension=".png")
    else:
        content = animation(list(walks.flatten(0, 1)[:, None, None]))
    with atomic(out) as file:
        file.write(content)
    return {
        "images": len(x),
        "steps": steps,
        "unreadable": stream.unreadable,
        "notes": stream.notes.lines(),
        "out": str(out),
    }
