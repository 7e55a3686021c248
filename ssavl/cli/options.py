"""Options that commands share, and what they do with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from ssavl.params.stages import Params
    from ssavl.runs.fitting import ReadImages
    from ssavl.runs.workspace import Options

Command = TypeVar("Command", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)
DEFAULT_PARAMS = Path("params.yaml")


@dataclass(frozen=True)
class Common:
    """The values of the shared options."""

    params: Path | None
    overrides: tuple[str, ...]
    seed: int | None
    as_json: bool
    dry_run: bool
    device: str | None = None
    precision: str | None = None
    checkpoint_seconds: float = 60.0

    def load(self, flags: Mapping[str, Any] | None = None) -> Params:
        """Validated parameters: flags over ``--set`` over the file (``params.yaml``, if there is one) over defaults."""
        from ssavl.params.file import load_params

        path = self.params or (DEFAULT_PARAMS if DEFAULT_PARAMS.is_file() else None)
        return load_params(path, self.overrides, {"seed": self.seed, **(flags or {})})

    def options(self) -> Options:
        """How to run."""
        from ssavl.runs.workspace import Options

        return Options(self.device, self.precision, self.checkpoint_seconds)

    def stops_here(self, stage: str, settings: Mapping[str, Any], paths: Mapping[str, Any]) -> bool:
        """Under ``--dry-run``, say what would run with which parameters, and return True."""
        if not self.dry_run:
            return False
        plan = {"would run": stage, "parameters": settings, "paths": {k: _text(v) for k, v in paths.items()}}
        if self.as_json:
            click.echo(json.dumps(plan, indent=2))
        else:
            import yaml

            click.echo(yaml.safe_dump(plan, sort_keys=False).rstrip())
        return True

    def report(self, result: Any, text: str) -> None:
        """The result on stdout: JSON when asked for, else text."""
        click.echo(json.dumps(result, indent=2) if self.as_json else text)


def common(*, computes: bool = True, trains: bool = False) -> Callable[[Command], Command]:
    """Give a command the shared options; it receives them as one :class:`Common`, ``shared``.

    Args:
        computes: whether it runs networks, so that device and precision make sense.
        trains: whether it can be resumed.
    """
    decorators = [
        click.option("--params", type=PATH, help="Parameter file.  [default: params.yaml, if there is one]"),
        click.option(
            "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a parameter; may be repeated."
        ),
        click.option("--seed", type=click.IntRange(0), help="Override the seed."),
    ]
    if computes:
        decorators += [
            click.option("--device", help="auto, cpu, cuda, cuda:1, mps.  [env: SSAVL_DEVICE; default: auto]"),
            click.option("--precision", help="auto, float32, bf16.  [env: SSAVL_PRECISION; default: auto]"),
        ]
    if trains:
        decorators.append(
            click.option(
                "--checkpoint-seconds",
                type=click.FloatRange(0),
                default=60.0,
                show_default=True,
                help="Time between saves of the resume state.",
            )
        )
    decorators += [
        click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, and nothing else on stdout."),
        click.option("--dry-run", is_flag=True, help="Check the parameters, say what would run, write nothing."),
    ]

    return gathered(Common, "shared", decorators)


def gathered(
    into: type[Any], argument: str, decorators: Sequence[Callable[[Any], Any]]
) -> Callable[[Command], Command]:
    """Give a command some options; it receives them as one ``into`` dataclass in the keyword ``argument``."""

    def decorate(function: Command) -> Command:
        def wrapper(**values: Any) -> Any:
            taken = {field.name: values.pop(field.name) for field in fields(into) if field.name in values}
            return function(**{argument: into(**taken)}, **values)

        wrapper.__name__, wrapper.__doc__ = function.__name__, function.__doc__
        wrapper.__click_params__ = list(getattr(function, "__click_params__", []))  # type: ignore[attr-defined]
        for decorator in reversed(decorators):
            wrapper = decorator(wrapper)
        return wrapper  # type: ignore[return-value]

    return decorate


def out_option(default: str) -> Callable[[Command], Command]:
    """``--out``: the folder that the command writes."""
    return click.option("--out", type=PATH, default=default, show_default=True, help="Folder to write.")


def encoders_option(text: str) -> Callable[[Command], Command]:
    """``--encoders``: any number of models, by default what the pipeline left."""
    return click.option(
        "--encoders", type=PATH, multiple=True, default=("data/encoders", "data/encoders-r"), show_default=True,
        help=text,
    )  # fmt: skip


def data_option(default: str | None = "data/prepared") -> Callable[[Command], Command]:
    """``--data``: prepared images."""
    return click.option("--data", type=PATH, default=default, show_default=True, help="Folder of prepared images.")


def watch_option(function: Command) -> Command:
    """``--watch``: images whose error and bounds a fit logs."""
    return click.option(
        "--watch", type=PATH, multiple=True,
        help="Images for the log alone (columns watched/...), as `encode` takes them, or prepared data, of which it "
        "is the validation or test split. No gradient sees them. May be repeated.",
    )(function)  # fmt: skip


def reader_of(watch: Sequence[Path]) -> ReadImages | None:
    """What a stage reads them with; it is handed one, because fitting must not reach real data by itself."""
    if not watch:
        return None
    from ssavl.uses.watch import watched_images

    return partial(watched_images, watch)


def table(rows: Mapping[str, Mapping[str, float | None]], digits: int = 4) -> str:
    """Metrics as text: one line per metric, one column per model."""
    names = list(dict.fromkeys(key for row in rows.values() for key in row))
    width = max([len(name) for name in names] + [6])
    columns = {model: max(len(model), 9) for model in rows}
    lines = [" " * width + "".join(f"  {model:>{size}}" for model, size in columns.items())]
    for name in names:
        cells = (rows[model].get(name) for model in rows)
        texts = ("-" if value is None else f"{value:.{digits}f}" for value in cells)
        lines.append(f"{name:<{width}}" + "".join(f"  {t:>{s}}" for t, s in zip(texts, columns.values(), strict=True)))
    return "\n".join(lines)


def _text(value: Any) -> Any:
    return [str(v) for v in value] if isinstance(value, (list, tuple)) else None if value is None else str(value)
