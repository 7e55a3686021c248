"""``ssavl encode``."""

from __future__ import annotations

from pathlib import Path

import click

from ssavl.cli.options import PATH
from ssavl.cli.use import Use, images_argument, uses_model


@click.command("encode")
@images_argument
@click.option("-o", "--out", type=PATH, required=True, help="Table to write: .npz, .csv or .parquet.")
@uses_model
def encode(use: Use, images: tuple[Path, ...], out: Path) -> None:
    """Latents of any number of IMAGES: files, folders, .npy arrays.

    One row per image, written as it goes: memory does not grow with their number.
    """
    if use.stops_here("encode", {"images": images, "out": out}):
        return
    from ssavl.uses.encode import encode as run

    result = run(use.model(), images, out, use.batch_size)
    use.report(result, f"{out}: latents of {result['images']} images")
