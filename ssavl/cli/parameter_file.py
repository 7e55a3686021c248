"""The parameters of a command: which file counts, and which option spoils them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ssavl.cli.kinds import listed
from ssavl.cli.parameter import name_of
from ssavl.errors import BadOption, UserError

if TYPE_CHECKING:
    from ssavl.params.stages import Params

USUAL = Path("params.yaml")
ABSENT = "ssavl.absent"  # where a context keeps what is to be said where there is no such file


def load(path: Path | None, assignments: tuple[str, ...], given: Mapping[str, Any]) -> Params:
    """Validated parameters.

    Raises:
        BadOption: but for an option, they would do.
        UserError: the file's are wrong.
    """
    from ssavl.params.file import load_params

    try:
        return load_params(path, assignments, given)
    except UserError as error:
        guilty = _guilty(path, assignments, given)
        if not guilty:
            raise
        raise BadOption(f"invalid value for {listed(guilty)}: {error}") from None


def _guilty(path: Path | None, assignments: tuple[str, ...], given: Mapping[str, Any]) -> list[str]:
    """The options without which the parameters would do."""
    from ssavl.params.file import load_params

    flags = [f"--{name_of(key)}" for key, value in given.items() if value is not None]
    for kept, options, names in (
        ((), given, ["--set"]),
        (assignments, {}, flags),
        ((), {}, ["--set", *flags]),
    ):
        try:
            load_params(path, kept, options)
        except UserError:
            continue
        return names
    return []


def find(named: Path | None) -> Path | None:
    """The parameter file; where nobody named one and none is here, that will be said."""
    if named is not None or USUAL.is_file():
        return named or USUAL
    above = (Path("../" * up) / USUAL for up in range(1, len(Path.cwd().parts)))
    near = next((path for path in above if path.is_file()), None)
    hint = f"; --params {near} takes that one" if near else ""
    said = f"no {USUAL} here: parameters have their defaults{hint}"
    meta = click.get_current_context().meta
    # A person should know before it takes an hour; in a log, what fails is to be one line.
    if ABSENT not in meta and sys.stderr.isatty():
        click.echo(said, err=True)
        said = ""
    meta.setdefault(ABSENT, said)
    return None


def say_absent() -> None:
    """Say that no file was found, unless that was said."""
    if said := click.get_current_context().meta.pop(ABSENT, ""):
        click.echo(said, err=True)
