"""Options that commands share, and what they do with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ssavl.cli import parameter_file
from ssavl.cli.flags import COMPUTES, PARAMETERS, PRINTS, TRAINS
from ssavl.cli.kinds import FOLDER, PATH
from ssavl.cli.parameter import Command, largest_batch, overrides

if TYPE_CHECKING:
    from ssavl.params.stages import Params
    from ssavl.runs.watch import ReadImages
    from ssavl.runs.workspace import Options


@dataclass(frozen=True)
class Common:
    """The values of the shared options."""

    params: Path | None
    assignments: tuple[str, ...]
    as_json: bool
    dry_run: bool
    device: str | None = None
    precision: str | None = None
    checkpoint_seconds: float = 60.0
    finish: bool = False
    from_state: Path | None = None
    compiled: bool = False

    def load(self) -> Params:
        """Validated parameters.

        An option of the command goes before ``--set``, that before the file (``params.yaml``, if
        there is one), that before the defaults.
        """
        return parameter_file.load(self._file(), self.assignments, overrides())

    def _file(self) -> Path | None:
        return parameter_file.find(self.params)

    def options(self) -> Options:
        """How to run."""
        from ssavl.runs.workspace import Options

        return Options(
            self.device,
            self.precision,
            self.checkpoint_seconds,
            self.finish,
            self.from_state,
            largest_batch(),
            self.compiled,
        )

    def stops_here(self, what: str, settings: Mapping[str, Any], paths: Mapping[str, Any]) -> bool:
        """Under ``--dry-run``, say what would run with which parameters, and return True."""
        if self.finish and self.from_state is not None:
            raise click.UsageError("--finish ends this command's own run: leave --from-state out")
        if not self.dry_run:
            return False
        named = {name: _plain(value) for name, value in paths.items()}
        file = _plain(self._file())
        plan = {"would run": what, "params": file, "parameters": settings, "paths": named}
        if self.as_json:
            click.echo(json.dumps(plan, indent=2))
        else:
            import yaml

            click.echo(yaml.safe_dump(plan, sort_keys=False).rstrip())
        return True

    def report(self, result: Any, text: str) -> None:
        """The result on stdout: JSON when asked for, else text."""
        from ssavl.storage.files import json_text

        click.echo(json_text(result) if self.as_json else text)


def _plain(value: Any) -> str | list[str] | None:
    """A path, several, or none, as text."""
    if value is None:
        return None
    if isinstance(value, (list, tuple)):
        return [str(one) for one in value]
    return str(value)


def common(*, computes: bool = True, trains: bool = False) -> Callable[[Command], Command]:
    """Give a command the shared options; it receives them as one :class:`Common`, ``shared``.

    Args:
        computes: whether it runs networks, so that device and precision make sense.
        trains: whether it can be resumed.
    """
    optional = (*(COMPUTES if computes else ()), *(TRAINS if trains else ()))
    return gathered(Common, "shared", (*PARAMETERS, *optional, *PRINTS))


def gathered(
    into: type[Any], argument: str, decorators: Sequence[Callable[[Any], Any]]
) -> Callable[[Command], Command]:
    """Give a command some options; it receives them as one ``into`` dataclass, ``argument``."""

    def decorate(function: Command) -> Command:
        def wrapper(**values: Any) -> Any:
            names = [field.name for field in fields(into) if field.name in values]
            taken = {name: values.pop(name) for name in names}
            return function(**{argument: into(**taken)}, **values)

        wrapper.__name__, wrapper.__doc__ = function.__name__, function.__doc__
        options = list(getattr(function, "__click_params__", []))
        wrapper.__click_params__ = options  # type: ignore[attr-defined]
        for decorator in reversed(decorators):
            wrapper = decorator(wrapper)
        return wrapper  # type: ignore[return-value]

    return decorate


def out_option(default: str) -> Callable[[Command], Command]:
    """``--out``: the folder that the command writes."""
    text = "Folder to write."
    return click.option("--out", type=FOLDER, default=default, show_default=True, help=text)


def target_option(kind: click.ParamType[Any], text: str) -> Callable[[Command], Command]:
    """``-o``: what the command writes, which has no usual place."""
    return click.option("-o", "--out", type=kind, required=True, help=text)


def encoders_option(text: str) -> Callable[[Command], Command]:
    """``--encoders``: any number of models, by default what the pipeline left."""
    return click.option(
        "--encoders",
        type=PATH,
        multiple=True,
        default=("data/encoders", "data/encoders-r"),
        show_default=True,
        help=text,
    )


def data_option(function: Command) -> Command:
    """``--data``: prepared images."""
    return click.option(
        "--data",
        type=PATH,
        default="data/prepared",
        show_default=True,
        help="Folder of prepared images.",
    )(function)


def watch_option(function: Command) -> Command:
    """``--watch``: images whose error and bounds a fit logs."""
    return click.option(
        "--watch",
        type=PATH,
        multiple=True,
        help="Images that the log reports on (columns watched/...) and no gradient sees: files, "
        "folders and arrays as `encode` takes them, or prepared data, of which it is the "
        "validation split, else the test split; may be repeated.",
    )(function)


def reader_of(watch: Sequence[Path]) -> ReadImages | None:
    """What a stage reads them with; it is handed one, as fitting must not reach real data."""
    if not watch:
        return None
    from ssavl.uses.watch import watched_images

    return partial(watched_images, watch)
