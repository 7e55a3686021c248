"""What reads what `evaluate` wrote: ``metrics`` and ``compare``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import click

from ssavl.cli.kinds import PATH, Named, PathOf

# As in ssavl.uses.paper, which importing would cost --help; a test compares.
PAPER = ("1", "1-fashion", "2", "4", "4-fashion")
ERROR = "_error"  # of a metric's name: that of its draws


@click.command("metrics")
@click.argument("folder", type=PATH, default="data/evaluate")
@click.option("--json", "as_json", is_flag=True, help="Print the metrics as JSON.")
def metrics(folder: Path, as_json: bool) -> None:
    """Print the metrics that `evaluate` left in FOLDER (data/evaluate)."""
    from ssavl.runs.measured import read_metrics
    from ssavl.storage.files import json_text

    found = {**read_metrics(folder / "metrics.json"), **read_metrics(folder / "baselines.json")}
    click.echo(json_text(found) if as_json else table(found))


@click.command("compare")
@click.argument(
    "runs",
    type=Named("FOLDER"),
    nargs=-1,
    metavar="[NAME=FOLDER]...",
)
@click.option(
    "--runs",
    "study",
    type=PATH,
    help="Folder of a study: each NAME-SEED in it, with what `evaluate` wrote, is a run of NAME.",
)
@click.option(
    "-o",
    "--out",
    type=PathOf(".json", ".csv", ".md", ".tex"),
    help="Table to write: .json, .csv, .md or .tex.",
)
@click.option(
    "--paper",
    "number",
    type=click.Choice(PAPER),
    help="Print this table of the paper, with its own numbers beside these. A run belongs into its "
    "row by name: METHOD, or METHOD-kK with K categories.",
)
@click.option(
    "--keep",
    is_flag=True,
    help="Keep the rows that the .json of --out already holds and these runs do not replace.",
)
def compare(
    runs: tuple[tuple[str, Path], ...],
    study: Path | None,
    out: Path | None,
    number: str | None,
    keep: bool,
) -> None:
    """Many runs in one table: mean, deviation, 95 % interval and number of runs of each metric.

    FOLDER is what `evaluate` wrote; runs of one NAME are seeds of one thing.
    """
    from ssavl.uses.compare import compare as run
    from ssavl.uses.compare import markdown, runs_of

    found = runs_of(study) if study is not None else []
    table = run([*runs, *found], out, keep)
    if number is None:
        click.echo(markdown(table), nl=False)
        return
    from ssavl.uses.paper import laid_out

    click.echo(laid_out(table, number), nl=False)


def supported(error: float | None, most: int) -> int:
    """Decimals of a number with this standard error: down to the error's own first digit."""
    return most if not error else max(0, min(most, -math.floor(math.log10(error))))


def table(rows: Mapping[str, Mapping[str, float | None]], digits: int = 4) -> str:
    """Metrics as text: one line per metric, one column per model.

    A number that was drawn has the digits that its draws support (``<metric>_error``).
    """
    every = dict.fromkeys(name for row in rows.values() for name in row)
    names = [name for name in every if not name.endswith(ERROR)]
    first = max(len(name) for name in [*names, " " * 6])
    widths = {model: max(len(model), 9) for model in rows}
    head = [f"{model:>{width}}" for model, width in widths.items()]
    lines = ["  ".join([" " * first, *head])]
    for name in names:
        cells = [f"{name:<{first}}"]
        for model, width in widths.items():
            value = rows[model].get(name)
            told = supported(rows[model].get(f"{name}{ERROR}"), digits)
            text = "-" if value is None else f"{value:.{told}f}"
            cells.append(f"{text:>{width}}")
        lines.append("  ".join(cells))
    return "\n".join(lines)
