"""A group of commands with one that is meant where none is named."""

from __future__ import annotations

import click


class DefaultGroup(click.Group):
    """A group that runs its first command where none is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        named = bool(args) and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if named else [next(iter(self.commands)), *args])

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Its commands, then the options of the first, which is meant where none is named."""
        self.format_commands(ctx, formatter)
        name, command = next(iter(self.commands.items()))
        with formatter.section(f"Options of {name}, which runs where no command is named"):
            rows = (parameter.get_help_record(ctx) for parameter in command.get_params(ctx))
            formatter.write_dl([row for row in rows if row is not None])
