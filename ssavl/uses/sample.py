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
from ssavl.images.writer import open_images
from ssavl.latents.draws import draws
from ssavl.models.latent_table import read_latents, stamped, table_columns
from ssavl.networks.generator import GeneratorNetwork
from ssavl.storage.tables import open_table
from ssavl.storage.weights import weights_hash


def sample(
    generator: GeneratorNetwork,
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
    generator: GeneratorNetwork,
    latents: Path,
    out: Path,
    batch_size: int,
    compute: Compute,
    any_generator: bool = False,
) -> dict[str, Any]:
    """Write the images of latents in a table of ``encode``, ``invert`` or ``sample``, or in a
    ``.npy`` ``(N, D)``.

    Args:
        any_generator: whether latents of another generator are taken too.

    Raises:
        UserError: a file without latents, latents of another space or another generator.
    """
    weights = None if any_generator else weights_hash(generator)
    batches = read_latents(latents, generator.latent_space, weights).split(batch_size)
    return _write(generator, batches, out, None, compute)


@torch.no_grad()
def _write(
    generator: GeneratorNetwork,
    batches: Iterator[Tensor],
    out: Path,
    kept: Path | None,
    compute: Compute,
) -> dict[str, Any]:
    count = 0
    weights = weights_hash(generator) if kept is not None else ""  # for the table alone
    with open_images(out) as write, open_table(kept) if kept else nullcontext() as table:
        for latents in batches:
            with compute.autocast():
                images = generator(latents.to(compute.device))
            places = write([""] * len(latents), images)
            if table is not None:
                parts = generator.latent_space.split(latents.cpu())
                columns = {"name": np.array(places), **table_columns(generator.latent_space, parts)}
                if kept is not None and kept.suffix == ".npz":
                    columns["latents"] = latents.cpu().numpy()
                table.write(stamped(columns, weights))
            count += len(latents)
    return {"images": count, "out": str(out)}
