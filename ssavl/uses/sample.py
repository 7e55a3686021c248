"""``ssavl sample`` and ``ssavl decode``: images of latents, drawn from the prior or given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ssavl.engine.device import Compute
from ssavl.errors import UserError
from ssavl.generators import Generator
from ssavl.images.writer import open_images
from ssavl.latents.draws import draws
from ssavl.models.given import as_latents
from ssavl.storage.arrays import NUMBERS, is_archive, read_array, read_arrays
from ssavl.storage.tables import open_table


def sample(
    generator: Generator,
    count: int,
    out: Path,
    kept: Path | None,
    seed: int,
    batch_size: int,
    compute: Compute,
) -> dict[str, Any]:
    """Write ``count`` images of draws from the prior,
    and the draws themselves into the table ``kept``, if given.

    Raises:
        UserError: an ending of ``kept`` that names no format.
    """
    rng = compute.generator(seed)
    return _write(generator, draws(generator.draw, count, batch_size, rng), out, kept, compute)


def decode(
    generator: Generator, latents: Path, out: Path, batch_size: int, compute: Compute
) -> dict[str, Any]:
    """Write the images of ``latents`` ``(N, D)`` in an ``.npz`` (of ``encode``, ``invert``,
    ``sample``) or a ``.npy``.

    Raises:
        UserError: a file without such an array, or latents of another space.
    """
    space = generator.latent_space
    if is_archive(latents):
        found = read_arrays(latents, {"latents": NUMBERS})
        if "latents" not in found:
            raise UserError(f"{latents} holds no array of latents, named 'latents'")
        array = found["latents"]
    else:
        array = read_array(latents)
    if not array.size:
        raise UserError(f"{latents} holds no array of latents: there is no number in it")
    batches = as_latents(array, space, str(latents)).split(batch_size)
    return _write(generator, batches, out, None, compute)


@torch.no_grad()
def _write(
    generator: Generator,
    batches: Iterator[Tensor],
    out: Path,
    kept: Path | None,
    compute: Compute,
) -> dict[str, Any]:
    count = 0
    with open_images(out) as write, open_table(kept) if kept else nullcontext() as table:
        for latents in batches:
            with compute.autocast():
                images = generator(latents.to(compute.device))
            places = write([""] * len(latents), images)
            if table is not None:
                parts = {
                    name: part.cpu().numpy()
                    for name, part in generator.latent_space.split(latents).items()
                }
                table.write({"name": np.array(places), **parts, "latents": latents.cpu().numpy()})
            count += len(latents)
    return {"images": count, "out": str(out)}
