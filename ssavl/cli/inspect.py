"""``ssavl inspect``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from ssavl.cli.gan import GanFlags, gan_options
from ssavl.cli.options import PATH, Common, common
from ssavl.errors import UserError


@click.command("inspect")
@gan_options
@click.option("--out", type=PATH, help="Folder for a grid of samples.")
@click.option("--write", is_flag=True, help="Write the description as a .gan.yaml beside the generator.")
@common()
def inspect(shared: Common, gan: GanFlags, out: Path | None, write: bool) -> None:
    """Look at a generator before anything is fitted to it."""
    params = shared.load()
    source = gan.source(params.gan_ckpt)
    if write and gan.gan is None:
        raise UserError("--write puts a file beside the generator: name it with --gan")
    if shared.stops_here("inspect", {"seed": params.seed}, {"gan": source.spec, "out": out}):
        return
    from ssavl.generators.inspection import require
    from ssavl.uses.inspect import inspect as stage

    report = stage(params, source, out, write, shared.options())
    lines = [f"{name}: {value}" for name, value in report.facts.items()]
    for check in report.checks:
        remedy = "" if check.passed else f": {check.remedy}"
        lines.append(f"{'ok  ' if check.passed else 'FAIL'} {check.name} ({check.seen}){remedy}")
    shared.report({**report.facts, "checks": [asdict(check) for check in report.checks]}, "\n".join(lines))
    require(report.checks, source.spec, gradient=False)  # without one, encoders learn by latent-nll
