"""What needs a generator, and no encoders: ``inspect``, ``sample`` and ``decode``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ssavl.cli.kinds import COUNT, FOLDER, PATH, PICTURES, TABLE, Real
from ssavl.cli.options import Common, common, target_option
from ssavl.cli.subject import GanFlags, batch_option, gan_options
from ssavl.errors import UserError

if TYPE_CHECKING:
    from ssavl.generators.source import Source

encoders_option = click.option(
    "--encoders",
    type=PATH,
    show_default="none: the generator is --gan, else parameter gan_ckpt",
    help="Folder or file of encoders, whose generator is meant.",
)
images_option = target_option(PICTURES, "Folder for images as PNG files, or a .npy array of them.")


@click.command("inspect")
@gan_options
@click.option("--out", type=FOLDER, help="Folder for samples.png, a grid of generated images.")
@click.option(
    "--write",
    is_flag=True,
    help="Write what was found into a .gan.yaml beside the generator.",
)
@click.option(
    "--time-limit",
    type=Real(0, min_open=True),
    default=600.0,
    show_default=True,
    help="Seconds that the graph of a file (ONNX, TorchScript, torch.export) may take.",
)
@click.option(
    "--memory-limit",
    type=Real(0, min_open=True),
    show_default="half of the machine's",
    help="GiB of memory that such a graph may take.",
)
@common()
def inspect(
    shared: Common,
    gan: GanFlags,
    out: Path | None,
    write: bool,
    time_limit: float,
    memory_limit: float | None,
) -> None:
    """Look at a generator before anything is fitted to it.

    A graph from a file runs in a process of its own, with an end to its time and memory.
    """
    params = shared.load()
    source = gan.source(params.gan_ckpt)
    if write and gan.gan is None:
        raise UserError("--write puts a file beside the generator: name it with --gan")
    paths = {"gan": source.spec, "out": out}
    if shared.stops_here("inspect", {"seed": params.seed}, paths):
        return
    from ssavl.generators.inspection import require
    from ssavl.uses.inspect import inspect as stage

    task = params, source, out, write, shared.options()
    if source.spec.endswith(".onnx") or gan.trust:
        from ssavl.uses.guarded import Limits, guarded

        report = guarded(stage, Limits(time_limit, memory_limit), source.spec, *task)
    else:
        report = stage(*task)
    lines = [f"{name}: {value}" for name, value in report.facts.items()]
    for check in report.checks:
        if check.passed:
            lines.append(f"ok   {check.name} ({check.seen})")
        else:
            lines.append(f"FAIL {check.name} ({check.seen}): {check.remedy}")
    result = {**report.facts, "checks": [asdict(check) for check in report.checks]}
    shared.report(result, "\n".join(lines))
    # A network without a gradient is fit all the same: its encoders learn by latent-nll.
    require(report.checks, source.spec, gradient=False)


@click.command("sample")
@click.option("-n", "--count", type=COUNT, default=64, show_default=True, help="Images to draw.")
@images_option
@click.option(
    "--latents",
    type=TABLE,
    help="Table for the latents of the images: .npz, .csv or .parquet.",
)
@encoders_option
@batch_option
@gan_options
@common()
def sample(
    shared: Common,
    gan: GanFlags,
    count: int,
    out: Path,
    latents: Path | None,
    encoders: Path | None,
    batch_size: int,
) -> None:
    """Draw images from a generator."""
    params = shared.load()
    source = _source(gan, params.gan_ckpt, encoders)
    settings = {"seed": params.seed, "count": count, "batch_size": batch_size}
    paths = {"gan": _said(source), "out": out, "latents": latents}
    if shared.stops_here("sample", settings, paths):
        return
    from ssavl.models.bundle import generator_of
    from ssavl.uses.sample import sample as run

    compute = shared.options().compute()
    generator = compute.place(generator_of(source, encoders))
    result = run(generator, count, out, latents, params.seed, batch_size, compute)
    shared.report(result, f"{out}: {result['images']} images")


@click.command("decode")
@click.argument("latents", type=PATH)
@images_option
@click.option(
    "--any-generator",
    is_flag=True,
    help="Take latents of a generator with other weights too.",
)
@encoders_option
@batch_option
@gan_options
@common()
def decode(
    shared: Common,
    gan: GanFlags,
    latents: Path,
    out: Path,
    any_generator: bool,
    encoders: Path | None,
    batch_size: int,
) -> None:
    """Images of LATENTS: a table of `encode`, `invert` or `sample`, or a .npy array (N, D)."""
    params = shared.load()
    source = _source(gan, params.gan_ckpt, encoders)
    paths = {"gan": _said(source), "latents": latents, "out": out}
    if shared.stops_here("decode", {"batch_size": batch_size}, paths):
        return
    from ssavl.models.bundle import generator_of
    from ssavl.uses.sample import decode as run

    compute = shared.options().compute()
    generator = compute.place(generator_of(source, encoders))
    result = run(generator, latents, out, batch_size, compute, any_generator)
    shared.report(result, f"{out}: {result['images']} images")


def _source(gan: GanFlags, gan_ckpt: str, encoders: Path | None) -> Source | None:
    """The generator that is named; ``None`` where the encoders name it."""
    return gan.named() if encoders is not None else gan.source(gan_ckpt)


def _said(source: Source | None) -> str:
    """How ``--dry-run`` names it."""
    return "as the encoders name it" if source is None else source.spec
