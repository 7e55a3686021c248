"""Naming a generator on the command line: what every row of "anyone's generator" needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ssavl.cli.options import PATH, gathered
from ssavl.errors import UserError

if TYPE_CHECKING:
    from ssavl.generators.source import GeneratorSource

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class GanFlags:
    """The values of the options that name and describe a generator."""

    gan: str | None
    weights: Path | None
    gan_arg: tuple[str, ...]
    trust: bool
    key: str | None
    latent_dim: int | None
    latent_shape: str | None
    prior: str | None
    output_range: tuple[float, float] | None

    def named(self) -> GeneratorSource | None:
        """The generator that ``--gan`` names, or ``None``.

        Raises:
            UserError: flags that describe a generator, and no generator.
        """
        described = [field.name for field in fields(self) if getattr(self, field.name)]
        if self.gan is None and described:
            raise UserError(f"--{described[0].replace('_', '-')} describes a generator: name it with --gan")
        return self.source(self.gan) if self.gan is not None else None

    def source(self, default: str) -> GeneratorSource:
        """The generator meant: ``--gan``, or the parameters' ``gan_ckpt``."""
        from ssavl.generators.source import from_flags

        flags = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "gan"}
        return from_flags(self.gan or default, **flags)


def gan_options(function: Command) -> Command:
    """Give a command the options; it receives them as one :class:`GanFlags` argument named ``gan``."""
    decorators = (
        click.option(
            "--gan",
            metavar="FILE|MODULE:FACTORY",
            help="The generator: our generator.pt, a checkpoint, or code.  [default: the encoders' own, or gan_ckpt]",
        ),
        click.option("--weights", type=PATH, help="Weights of what a factory makes (.safetensors, .pt, .pth)."),
        click.option("--gan-arg", multiple=True, metavar="NAME=VALUE", help="Argument of a factory; may be repeated."),
        click.option("--trust", is_flag=True, help="Allow torch.export and TorchScript files, which can execute code."),
        click.option("--key", help="Where the weights are in a checkpoint, such as g_ema."),
        click.option("--latent-dim", type=click.IntRange(1), help="Size of one latent vector."),
        click.option("--latent-shape", metavar="N,N,...", help="Latents of one sample as the network takes them."),
        click.option(
            "--prior", type=click.Choice(["normal", "uniform", "truncated-normal", "sphere"]),
            help="Of that latent vector.",
        ),
        click.option("--output-range", type=float, nargs=2, metavar="LOW HIGH", help="Of the network's images."),
    )  # fmt: skip

    return gathered(GanFlags, "gan", decorators)(function)
