"""Options that override a parameter.

Such an option is no argument of its command: it is declared with the parameter's key, and
``Common.load`` finds what was given under it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

OVERRIDES = "ssavl.overrides"  # where the context of a running command keeps them
LARGEST = "ssavl.largest_batch"  # and whether a batch size is to be measured


class BatchSize(click.ParamType[Any]):
    """A number of images, or ``auto``."""

    name = "n|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "auto":
            return value
        return click.IntRange(1).convert(value, param, ctx)


class ParameterOption(click.Option):
    """An option that overrides a parameter.

    Args:
        key: of the parameter, dotted.
        built_in: the parameter's default; of one that is null, what that stands for. It is kept
            twice, because importing ``ssavl.params`` would slow ``--help`` down; a test compares.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        key: str,
        built_in: object,
        **attributes: Any,
    ) -> None:
        super().__init__(
            names,
            expose_value=False,
            callback=self._keep,
            show_default=f"parameter {key}, else {shown(built_in)}",
            **attributes,
        )
        self.key, self.built_in = key, built_in

    def _keep(self, context: click.Context, _: click.Parameter, value: Any) -> None:
        given = None if value == () else value  # an option that may be repeated, and is not there
        given = str(given) if isinstance(given, Path) else given
        if isinstance(self.type, BatchSize) and given == "auto":
            context.meta[LARGEST], given = True, None
        context.meta.setdefault(OVERRIDES, {})[self.key] = given


def shown(value: object) -> str:
    """A default as ``--help`` shows it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value)


def parameter(
    key: str, built_in: object, kind: Any, text: str, *short: str, **attributes: Any
) -> Callable[[Command], Command]:
    """An option named like the parameter that it overrides (:class:`ParameterOption`).

    Args:
        kind: of its values, a click type.
        text: what ``--help`` says of it.
        short: a second name, such as ``-n``.
    """
    return click.option(
        *short,
        f"--{name_of(key)}",
        cls=ParameterOption,
        key=key,
        built_in=built_in,
        type=kind,
        help=text,
        **attributes,
    )


def name_of(key: str) -> str:
    """The option of a parameter, without its dashes."""
    return key.rpartition(".")[2].replace("_", "-")


def split_option(section: str, splits: Sequence[str]) -> Callable[[Command], Command]:
    """``--split`` of a section."""
    kind = click.Choice(splits)
    return parameter(f"{section}.split", "test", kind, "Split whose images are measured.")


def largest_batch() -> bool:
    """Whether the running command is to measure how large its batch can be."""
    return bool(click.get_current_context().meta.get(LARGEST, False))


def overrides() -> Mapping[str, Any]:
    """What the running command was given, by key; ``None`` where it was given nothing."""
    return click.get_current_context().meta.get(OVERRIDES, {})
