"""``ssavl sample`` and ``ssavl decode``: they need a generator, and no encoders."""

from __future__ import annotations

from pathlib import Path

import click

from ssavl.cli.gan import GanFlags, gan_options
from ssavl.cli.options import PATH, Common, common

BATCH = click.option("--batch-size", type=click.IntRange(1), default=250, show_default=True, help="Images at a time.")
OUT = click.option("-o", "--out", type=PATH, required=True, help="Folder for PNG files, or a .npy array.")


@click.command("sample")
@click.option("-n", "--count", type=click.IntRange(1), default=64, show_default=True, help="Images to draw.")
@OUT
@click.option("--latents", type=PATH, help="Table for the latents: .npz, .csv or .parquet.")
@BATCH
@gan_options
@common()
def sample(shared: Common, gan: GanFlags, count: int, out: Path, latents: Path | None, batch_size: int) -> None:
    """Draw images from a generator."""
    params = shared.load()
    source = gan.source(params.gan_ckpt)
    settings = {"seed": params.seed, "count": count, "batch_size": batch_size}
    if shared.stops_here("sample", settings, {"gan": source.spec, "out": out, "latents": latents}):
        return
    from ssavl.generators import load_generator
    from ssavl.uses.sample import sample as run

    compute = shared.options().compute()
    generator = compute.place(load_generator(source))
    result = run(generator, count, out, latents, params.seed, batch_size, compute)
    shared.report(result, f"{out}: {result['images']} images")


@click.command("decode")
@click.argument("latents", type=PATH)
@OUT
@BATCH
@gan_options
@common()
def decode(shared: Common, gan: GanFlags, latents: Path, out: Path, batch_size: int) -> None:
    """Images of LATENTS: an .npz of `encode`, `invert` or `sample`, or a .npy array (N, D)."""
    params = shared.load()
    source = gan.source(params.gan_ckpt)
    if shared.stops_here("decode", {"batch_size": batch_size}, {"gan": source.spec, "latents": latents, "out": out}):
        return
    from ssavl.generators import load_generator
    from ssavl.uses.sample import decode as run

    compute = shared.options().compute()
    generator = compute.place(load_generator(source))
    result = run(generator, latents, out, batch_size, compute)
    shared.report(result, f"{out}: {result['images']} images")
