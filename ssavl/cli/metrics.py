"""``ssavl metrics``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ssavl.cli.options import PATH, table


@click.command("metrics")
@click.argument("folder", type=PATH, default="data/evaluate")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def metrics(folder: Path, as_json: bool) -> None:
    """Print the metrics that `evaluate` left in FOLDER (data/evaluate)."""
    from ssavl.storage.files import read_json

    found = {**read_json(folder / "metrics.json"), **read_json(folder / "baselines.json")}
    click.echo(json.dumps(found, indent=2) if as_json else table(found))
