"""``ssavl export``."""

from __future__ import annotations

from pathlib import Path

import click

from ssavl.cli.options import PATH
from ssavl.cli.use import Use, uses_model

FORMATS = ("safetensors", "torch", "onnx")  # as in ssavl.uses.export, which would bring torch along


@click.command("export")
@click.option("-o", "--out", type=PATH, required=True, help="Folder to write.")
@click.option(
    "--format", "formats", type=click.Choice(FORMATS), multiple=True, help="May be repeated.  [default: all three]"
)
@uses_model
def export(use: Use, out: Path, formats: tuple[str, ...]) -> None:
    """Encoders, and a generator of ours, for other programs: safetensors, torch.export, ONNX.

    Each file is read back and must give the original's numbers before it counts.
    """
    wanted = formats or FORMATS
    if use.stops_here("export", {"out": out}, formats=wanted):
        return
    from ssavl.uses.export import export as run

    result = run(use.model(), out, wanted)
    use.report(result, "\n".join(f"{path}: within {apart:.1g}" for path, apart in result["files"].items()))
