"""``ssavl compare``: many runs, many seeds, one table."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from ssavl.errors import UserError
from ssavl.metrics.summary import DIRECTIONS, Summary, summarise, winner
from ssavl.runs.measured import Scores, Walks, read_measured, read_metrics
from ssavl.runs.results import BASELINES, DISENTANGLEMENT, METRICS, TRAVERSAL
from ssavl.storage.documents import read_json
from ssavl.storage.files import json_text, write_bytes

Table = dict[str, dict[str, Summary]]  # row -> metric -> summary


def compare(runs: Iterable[tuple[str, Path]], out: Path | None, keep: bool = False) -> Table:
    """Gather ``metrics.json``, ``baselines.json``, ``disentanglement.json`` and
    ``traversal.json`` of many runs by name.

    A run of one name is another seed of the same thing. A row is ``<name>/<model>``, or ``<name>``
    where all runs have one and the same model, or the run has the model's name, or begins with it
    and a dash: a variant of it.

    Args:
        runs: names, and folders that ``evaluate`` wrote.
        out: ``.json``, ``.csv``, ``.md`` or ``.tex``, or nothing.
        keep: whether rows that ``out`` already holds, a ``.json``, stay where these runs make none
            of their name: for a study whose runs are made at several times or places.

    Raises:
        UserError: no run, a folder without metrics, an ending that names no format, nothing that
            could be kept.
    """
    if out is not None and out.suffix not in WRITERS:
        raise UserError(f"{out}: the ending chooses the format: {', '.join(WRITERS)}")
    kept: Table = {}
    if keep:
        if out is None or out.suffix != ".json":
            raise UserError("--keep reads the rows of an earlier --out: name its .json")
        kept = read_table(out)
    values: dict[tuple[str, str], dict[str, list[float]]] = {}
    for name, folder in runs:
        for model, metric, value in _measured(folder):
            if value is not None:
                values.setdefault((name, model), {}).setdefault(metric, []).append(value)
    if not values:
        raise UserError(
            "nothing to compare: name runs as NAME=FOLDER, folders that `ssavl evaluate` wrote"
        )
    one_model = len({model for _, model in values}) == 1
    table = dict(kept)
    for (name, model), metrics in values.items():
        namesake = _namesake(name, (other for run, other in values if run == name))
        row = name if one_model or model == namesake else f"{name}/{model}"
        table[row] = {}
        for metric, numbers in metrics.items():
            table[row][metric] = summarise(numbers, DIRECTIONS.get(metric))
    if out is not None:
        write_bytes(out, WRITERS[out.suffix](table).encode())
    return table


def runs_of(study: Path) -> list[tuple[str, Path]]:
    """The runs of a study, by name: its folders NAME-SEED that hold an ``evaluate``.

    Raises:
        UserError: there is none.
    """
    found = []
    for folder in sorted(study.glob("*-*")):
        name, _, seed = folder.name.rpartition("-")
        if seed.isdecimal() and (folder / "evaluate").is_dir():
            found.append((name, folder / "evaluate"))
    if not found:
        raise UserError(f"{study} has no run: a run is a folder NAME-SEED with `evaluate` in it")
    return found


def _namesake(run: str, models: Iterable[str]) -> str | None:
    """The model whose name a run has or begins with, the longest of them; ``None`` if there is
    none. ``ssavl-r-wide`` is a run of ``ssavl-r``, whatever else is in it.
    """
    return max((own for own in models if f"{run}-".startswith(f"{own}-")), key=len, default=None)


def markdown(table: Table) -> str:
    """Mean ± sample deviation [95 % interval] (n);
    bold where better than every other beyond both intervals.
    """
    names = _metrics(table)
    lines = ["| | " + " | ".join(table) + " |", "|---" * (len(table) + 1) + "|"]
    for metric in names:
        best = _winner(table, metric)
        cells = []
        for row, metrics in table.items():
            own = metrics.get(metric)
            if own is None:
                cells.append("-")
                continue
            interval = f"[{own.low:.4g}, {own.high:.4g}]"
            text = f"{own.mean:.4g} ± {own.std:.2g} {interval} ({own.n})"
            cells.append(f"**{text}**" if row == best else text)
        lines.append(f"| {metric} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def read_table(path: Path) -> Table:
    """The rows that :func:`compare` wrote as JSON.

    Raises:
        UserError: no such file, another one, no row.
    """
    content: Any = read_json(path)
    try:
        TypeAdapter(Table).validate_python(content, strict=False)
        table = {
            row: {metric: _summary(own) for metric, own in metrics.items()}
            for row, metrics in content.items()
        }
    except (TypeError, ValueError):
        raise UserError(
            f"{path} is no summary of runs: `ssavl compare NAME=FOLDER... -o {path.name}` writes "
            "one"
        ) from None
    if not table:
        raise UserError(f"{path} holds no row: compare some runs first")
    return table


def _summary(content: Mapping[str, Any]) -> Summary:
    own = Summary(**content)
    if own.n < 1 or own.std < 0 or not own.low <= own.mean <= own.high:
        raise ValueError("numbers that no runs have")
    return own


def _measured(folder: Path) -> Iterator[tuple[str, str, float | None]]:
    """Model, metric and value of whatever was measured into a folder."""
    found = []
    for name in (METRICS, BASELINES):
        if (folder / name).is_file():
            found.append(read_metrics(folder / name))
    if (folder / DISENTANGLEMENT).is_file():
        found.append(read_measured(folder / DISENTANGLEMENT, Scores).scores)
    if (folder / TRAVERSAL).is_file():
        found.append({"generator": _walked(read_measured(folder / TRAVERSAL, Walks))})
    if not found:
        raise UserError(
            f"{folder / METRICS} does not exist: run `ssavl evaluate --out {folder}` first"
        )
    for models in found:
        for model, metrics in models.items():
            for metric, value in metrics.items():
                if metric.endswith("_error"):  # of one run's draws; the runs' spread has it in it
                    continue
                yield model, metric, value


def _walked(traversal: Walks) -> dict[str, float]:
    """Of judged walks: the share of steps that keep the class, per block of a generator, and the
    share of a category's images that are of one class; each with the worst.
    """
    found = {}
    for block, own in traversal.blocks.items():
        found[f"kept_{block}"] = own.mean
        found[f"kept_{block}_worst"] = own.worst.kept
    for block, values in traversal.categories.items():
        shares = [value.share for value in values]
        found[f"pure_{block}"] = sum(shares) / len(shares)
        found[f"pure_{block}_worst"] = min(shares)
    return found


def _json(table: Table) -> str:
    plain = {
        row: {name: own.plain() for name, own in metrics.items()} for row, metrics in table.items()
    }
    return json_text(plain) + "\n"


def _csv(table: Table) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["row", "metric", *Summary.__dataclass_fields__])
    for row, metrics in table.items():
        writer.writerows([row, name, *own.plain().values()] for name, own in metrics.items())
    return buffer.getvalue()


def _latex(table: Table) -> str:
    lines = [
        f"\\begin{{tabular}}{{l{'r' * len(table)}}}",
        "\\toprule",
        _latex_row("", table),
        "\\midrule",
    ]
    for metric in _metrics(table):
        best = _winner(table, metric)
        cells = []
        for row, metrics in table.items():
            own = metrics.get(metric)
            if own is None:
                cells.append("--")
                continue
            text = f"{own.mean:.4g} \\pm {own.std:.2g}"
            if row == best:
                text = f"\\mathbf{{{text}}}"
            cells.append(f"${text}$")
        lines.append(_latex_row(metric.replace("_", "\\_"), cells))
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}"]) + "\n"


def _latex_row(first: str, cells: Iterable[str]) -> str:
    return " & ".join([first, *cells]) + " \\\\"


def _metrics(table: Mapping[str, Mapping[str, Summary]]) -> list[str]:
    return list(dict.fromkeys(name for metrics in table.values() for name in metrics))


def _winner(table: Table, metric: str) -> str | None:
    return winner(
        {row: own[metric] for row, own in table.items() if metric in own}, DIRECTIONS.get(metric)
    )


WRITERS: dict[str, Callable[[Table], str]] = {
    ".json": _json,
    ".csv": _csv,
    ".md": markdown,
    ".tex": _latex,
}
