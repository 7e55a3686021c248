"""``ssavl params``: what ``params.yaml`` and ``--set`` can say."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from ssavl.cli import parameter_file
from ssavl.cli.flags import FILE, SET
from ssavl.cli.kinds import TEXT
from ssavl.errors import UserError


@click.command("params")
@click.argument("section", type=TEXT, default=None, required=False)
@FILE
@SET
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def params(
    section: str | None, params: Path | None, assignments: tuple[str, ...], as_json: bool
) -> None:
    """List parameters: value, what each takes, default and meaning.

    SECTION is the beginning of their keys, such as train-gan or train-gan.real_clusters. What a
    method of `train` reads of its own: `ssavl methods NAME`.
    """
    from ssavl.params.listing import listing

    values = parameter_file.load(parameter_file.find(params), assignments, {})
    try:
        found = listing(values, section or "")
    except UserError as error:
        raise click.BadParameter(str(error), param_hint="SECTION") from None
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=2))
    else:
        width = max(len(one.key) for one in found)
        for one in found:
            takes = f"{one.takes}; default {json.dumps(one.default)}"
            click.echo(f"{one.key:<{width}} = {json.dumps(one.value)}  [{takes}]")
            click.echo(f"    {one.meaning}")
