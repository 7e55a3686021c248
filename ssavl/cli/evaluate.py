"""``ssavl evaluate``: the pipeline's stage, and one sub-command per further kind of measurement."""

from __future__ import annotations

import click

from ssavl.cli.evaluate_likelihood import likelihood
from ssavl.cli.evaluate_models import models

DEFAULT = models


class WithDefault(click.Group):
    """A group that runs one of its commands where none is named, so that the stage is called by its bare name."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        named = bool(args) and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if named else [str(DEFAULT.name), *args])


@click.group(cls=WithDefault)
def evaluate() -> None:
    """Measure: without a sub-command, every model of the pipeline side by side.

    `ssavl evaluate OPTIONS` is `ssavl evaluate models OPTIONS`.
    """


for command in (DEFAULT, likelihood):
    evaluate.add_command(command)
