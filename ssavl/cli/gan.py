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
    from ssavl.generators.source import Source

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

    def named(self) -> Source | None:
        """The generator that ``--gan`` names, or ``None``.

        Raises:
            UserError: flags that describe a generator, and no generator.
        """
        if self.gan is None:
            self._needs_gan(*(field.name for field in fields(self)))
            return None
        return self.source(self.gan)

    def source(self, gan_ckpt: str) -> Source:
        """The generator meant: ``--gan``, or the parameters' ``gan_ckpt``.

        What a person types may be code; what a parameter file says may not.

        Raises:
            UserError: flags that let code run and no ``--gan``, a ``gan_ckpt`` that names code, flags that
                contradict each other.
        """
        from ssavl.generators.source import describe, from_flags, from_params

        described = describe(self.key, self.latent_dim, self.latent_shape, self.prior, self.output_range)
        if self.gan is not None:
            return from_flags(self.gan, self.weights, self.gan_arg, self.trust, described)
        self._needs_gan("weights", "gan_arg", "trust")
        return from_params(gan_ckpt, described)

    def _needs_gan(self, *flags: str) -> None:
        """Refuse flags that speak of a generator which nobody typed."""
        for flag in flags:
            if getattr(self, flag):
                raise UserError(f"--{flag.replace('_', '-')} describes a generator: name it with --gan")


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
