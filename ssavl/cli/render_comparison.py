"""``ssavl render comparison``."""

from __future__ import annotations

from pathlib import Path

import click

from ssavl.cli.options import PATH


@click.command("comparison")
@click.argument("summary", type=PATH)
@click.option("--metric", "metrics", multiple=True, help="A panel; may be repeated.  [default: all that every row has]")
@click.option("-o", "--out", type=PATH, default="comparison.png", show_default=True, help="PNG file to write.")
def comparison(summary: Path, metrics: tuple[str, ...], out: Path) -> None:
    """Draw what `compare -o SUMMARY.json` wrote: each row's mean with its 95 % interval over runs.

    Nothing but SUMMARY is read: neither generator nor encoders.
    """
    from ssavl.uses.render_comparison import render_comparison

    click.echo(render_comparison(summary, metrics, out))
