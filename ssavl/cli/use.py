"""Naming a fitted model on the command line, for the commands that use one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ssavl.cli.gan import GanFlags, gan_options
from ssavl.cli.options import PATH, Common, common, gathered

if TYPE_CHECKING:
    from ssavl.model import Model

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class Use:
    """A model to use, and how."""

    shared: Common
    gan: GanFlags
    encoders: Path
    batch_size: int

    def stops_here(self, what: str, paths: dict[str, Any], **settings: Any) -> bool:
        """Under ``--dry-run``, say what would run, and return True."""
        settings = {"seed": self.shared.load().seed, "batch_size": self.batch_size, **settings}
        named = {"gan": self.gan.gan or "as the encoders name it", "encoders": self.encoders}
        return self.shared.stops_here(what, settings, named | paths)

    def model(self) -> Model:
        """The model; its generator is ``--gan``, else the one that the encoders name."""
        from ssavl.model import load

        options = self.shared.options()
        return load(
            self.encoders,
            self.gan.named(),
            device=options.device,
            precision=options.precision,
            seed=self.shared.load().seed,
        )

    def report(self, result: dict[str, Any], text: str) -> None:
        """The result on stdout; files that could not be read, named on stderr."""
        for name, reason in result.get("unreadable", {}).items():
            click.echo(f"left out: {name}: {reason}", err=True)
        self.shared.report(result, text)


def uses_model(function: Command) -> Command:
    """Give a command the options of a model; it receives them as one :class:`Use`, ``use``."""
    decorators = (
        click.option(
            "--encoders", type=PATH, default="data/encoders", show_default=True, help="Folder or file of the encoders."
        ),
        gan_options,
        click.option("--batch-size", type=click.IntRange(1), default=250, show_default=True, help="Images at a time."),
        common(),
    )
    return gathered(Use, "use", decorators)(function)


def images_argument(function: Command) -> Command:
    """``IMAGES...``: files, folders, ``.npy`` arrays."""
    return click.argument("images", type=PATH, nargs=-1, required=True)(function)
