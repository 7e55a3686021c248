"""A group of commands one of which needs no name."""

from __future__ import annotations

import click


class DefaultGroup(click.Group):
    """A group that runs its first command where none is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        named = bool(args) and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if named else [next(iter(self.commands)), *args])

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)
