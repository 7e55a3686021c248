"""``ssavl methods``: what ``ssavl train`` can train."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ssavl.methods.registry import Entry


@click.command("methods")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def methods(name: str | None, as_json: bool) -> None:
    """List the methods of `train`, or of the one called NAME its reference and its parameters."""
    from ssavl.methods.registry import METHODS, find

    found = METHODS if name is None else {name: find(name)}
    if as_json:
        click.echo(json.dumps({own: _plain(entry) for own, entry in found.items()}, indent=2))
    elif name is None:
        click.echo(_table(found))
    else:
        click.echo(_page(name, found[name]))


def _table(entries: Mapping[str, Entry]) -> str:
    """A line per method: its family, and what its result can do."""
    from ssavl.methods.registry import ABILITIES

    rows = [["method", "family", *ABILITIES]]
    for name, entry in entries.items():
        able = ["yes" if ability in entry.can else "-" for ability in ABILITIES]
        rows.append([name, entry.family, *able])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _page(name: str, entry: Entry) -> str:
    """All of one method."""
    lines = [f"{name} ({entry.family}): {entry.reference}", f"can: {', '.join(entry.can)}"]
    options = _options(entry)
    lines.append(f"parameters, by --set methods.{name}.KEY=VALUE:" if options else "no parameters")
    for key, own in options.items():
        text = f"  {own['description']}" if own["description"] else ""
        lines.append(f"  {key} = {json.dumps(own['default'])}{text}")
    return "\n".join(lines)


def _plain(entry: Entry) -> dict[str, Any]:
    """A method as plain data."""
    can = list(entry.can)
    about = {"family": entry.family, "reference": entry.reference, "can": can}
    return {**about, "parameters": _options(entry)}


def _options(entry: Entry) -> dict[str, dict[str, Any]]:
    """Default and meaning of each parameter of a method's own."""
    defaults = entry.params().model_dump(mode="json")
    return {
        key: {"default": defaults[key], "description": field.description or ""}
        for key, field in entry.params.model_fields.items()
    }
