"""``ssavl interpolate``."""

from __future__ import annotations

from pathlib import Path

import click

from ssavl.cli.options import PATH
from ssavl.cli.use import Use, images_argument, uses_model


@click.command("interpolate")
@images_argument
@click.option("-o", "--out", type=PATH, required=True, help="A .png (a row per pair) or a .gif.")
@click.option("--steps", type=click.IntRange(2, 1000), default=10, show_default=True, help="Of each walk.")
@uses_model
def interpolate(use: Use, images: tuple[Path, ...], out: Path, steps: int) -> None:
    """Walk from each of IMAGES to the next, through their latents."""
    if use.stops_here("interpolate", {"images": images, "out": out}, steps=steps):
        return
    from ssavl.uses.interpolate import interpolate as run

    result = run(use.model(), images, out, steps)
    use.report(result, f"{out}: {result['images']} images, {steps} steps from each to the next")
