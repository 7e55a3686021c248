"""``ssavl compare``."""

from __future__ import annotations

from pathlib import Path

import click

from ssavl.cli.options import PATH
from ssavl.errors import UserError


@click.command("compare")
@click.argument("runs", nargs=-1, required=True, metavar="NAME=FOLDER...")
@click.option("-o", "--out", type=PATH, help="Write it: .json, .csv, .md or .tex.")
@click.option("--keep", is_flag=True, help="Keep the other rows that the .json of --out already holds.")
def compare(runs: tuple[str, ...], out: Path | None, keep: bool) -> None:
    """Many runs in one table: mean, deviation, 95 % interval and number of runs of each metric.

    FOLDER is what `evaluate` wrote; runs of one NAME are seeds of one thing.
    """
    pairs = []
    for text in runs:
        name, separator, folder = text.partition("=")
        if not separator or not name:
            raise UserError(f"{text!r}: write it as NAME=FOLDER")
        pairs.append((name, Path(folder)))
    from ssavl.uses.compare import compare as run
    from ssavl.uses.compare import markdown

    click.echo(markdown(run(pairs, out, keep)), nl=False)
