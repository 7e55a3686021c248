"""``ssavl reconstruct``."""

from __future__ import annotations

from pathlib import Path

import click

from ssavl.cli.options import PATH
from ssavl.cli.use import Use, images_argument, uses_model


@click.command("reconstruct")
@images_argument
@click.option("-o", "--out", type=PATH, required=True, help="Folder for PNG files, or a .npy array.")
@uses_model
def reconstruct(use: Use, images: tuple[Path, ...], out: Path) -> None:
    """The generator's own version of IMAGES, and the error of each."""
    if use.stops_here("reconstruct", {"images": images, "out": out}):
        return
    from ssavl.uses.reconstruct import reconstruct as run

    result = run(use.model(), images, out, use.batch_size)
    text = f"{out}: {result['images']} images, mean squared error {result['mse']:.4g} (summed over an image)"
    use.report(result, text)
