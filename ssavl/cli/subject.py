"""What a command works on, as the command line names it: a generator, a fitted model, images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ssavl.cli.kinds import ARGUMENT, COLOUR, COUNT, PATH, SHAPE, TEXT, Real
from ssavl.cli.options import Common, common, gathered
from ssavl.cli.parameter import Command
from ssavl.errors import UserError

if TYPE_CHECKING:
    from ssavl.generators.source import Source
    from ssavl.model import Model

# As the latents of a .gan.yaml have them, but a category, which no flag describes; a test compares.
PRIORS = ("normal", "uniform", "truncated-normal", "sphere")


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
        if self.gan is not None:
            return self.source(self.gan)
        self._needs_gan(*(field.name for field in fields(self)))
        return None

    def source(self, gan_ckpt: str) -> Source:
        """The generator meant: ``--gan``, or the parameters' ``gan_ckpt``.

        What a person types may be code; what a parameter file says may not.

        Raises:
            UserError: flags that let code run and no ``--gan``, a ``gan_ckpt`` that names code,
                flags that contradict each other.
        """
        from ssavl.generators.source import describe, from_flags, from_params

        described = describe(
            self.key, self.latent_dim, self.latent_shape, self.prior, self.output_range
        )
        if self.gan is not None:
            return from_flags(self.gan, self.weights, self.gan_arg, self.trust, described)
        self._needs_gan("weights", "gan_arg", "trust")
        return from_params(gan_ckpt, described)

    def _needs_gan(self, *flags: str) -> None:
        """Refuse flags that speak of a generator which nobody typed."""
        for flag in flags:
            if getattr(self, flag):
                name = f"--{flag.replace('_', '-')}"
                raise UserError(f"{name} describes a generator: name it with --gan")


def gan_options(function: Command) -> Command:
    """Give a command the options; it receives them as one :class:`GanFlags`, ``gan``."""
    return _gan_options("parameter gan_ckpt, else data/gan/generator.pt")(function)


def _gan_options(default: str) -> Callable[[Command], Command]:
    return gathered(GanFlags, "gan", (*_named(default), *_described()))


def _named(default: str) -> tuple[Callable[[Command], Command], ...]:
    """Options that name a generator."""
    return (
        click.option(
            "--gan",
            type=TEXT,
            metavar="FILE|MODULE:FACTORY",
            show_default=default,
            help="Generator: our generator.pt, a checkpoint, or code that makes one.",
        ),
        click.option(
            "--weights",
            type=PATH,
            show_default="those that the factory sets",
            help="File with the weights of what a factory makes: .safetensors, .pt or .pth.",
        ),
        click.option(
            "--gan-arg",
            type=ARGUMENT,
            multiple=True,
            metavar="NAME=VALUE",
            help="Argument that the factory is called with; may be repeated.",
        ),
        click.option(
            "--trust",
            is_flag=True,
            help="Allow --gan to be a torch.export or TorchScript file, which can execute code.",
        ),
    )


def _described() -> tuple[Callable[[Command], Command], ...]:
    """Options that say what its file cannot."""
    return (
        click.option(
            "--key",
            type=TEXT,
            metavar="NAME",
            show_default="the only one there",
            help="Name of the generator's weights in a checkpoint, such as g_ema.",
        ),
        click.option(
            "--latent-dim",
            type=COUNT,
            show_default="what .gan.yaml or the first layer says",
            help="Size of the generator's latent vector.",
        ),
        click.option(
            "--latent-shape",
            type=SHAPE,
            metavar="N,N,...",
            show_default="that of .gan.yaml, else N, else N,1,1",
            help="Shape in which the generator takes one latent vector.",
        ),
        click.option(
            "--prior",
            type=click.Choice(PRIORS),
            show_default="normal",
            help="Prior of the latent vector; needs --latent-dim.",
        ),
        click.option(
            "--output-range",
            type=Real(),
            nargs=2,
            callback=_ascending,
            metavar="LOW HIGH",
            show_default="that of .gan.yaml, else 0 1, or -1 1 where a pixel is negative",
            help="Range of the pixels that the generator makes.",
        ),
    )


def _ascending(
    context: click.Context, option: click.Parameter, value: tuple[float, float] | None
) -> tuple[float, float] | None:
    """Refuse a range that is none."""
    if value is not None and value[0] >= value[1]:
        raise click.BadParameter("the first must be below the second", context, option)
    return value


@dataclass(frozen=True)
class Use:
    """A model to use, and how."""

    shared: Common
    gan: GanFlags
    encoders: Path
    batch_size: int
    background: str

    def stops_here(self, what: str, paths: dict[str, Any], **settings: Any) -> bool:
        """Under ``--dry-run``, say what would run, and return True."""
        settings = {"seed": self.shared.load().seed, "batch_size": self.batch_size, **settings}
        gan = self.gan.gan or "as the encoders name it"
        named = {"gan": gan, "encoders": self.encoders, **paths}
        return self.shared.stops_here(what, settings, named)

    def model(self) -> Model:
        """The model; its generator is ``--gan``, else the one that the encoders name."""
        from ssavl.face.load import load

        options = self.shared.options()
        return load(
            self.encoders,
            self.gan.named(),
            device=options.device,
            precision=options.precision,
            seed=self.shared.load().seed,
            at_once=self.batch_size,
        )

    def report(self, result: dict[str, Any], text: str) -> None:
        """The result on stdout; on stderr, files that could not be read and what else
        there is to know of them."""
        for name, reason in result.get("unreadable", {}).items():
            click.echo(f"left out: {name}: {reason}", err=True)
        for note in result.get("notes", ()):
            click.echo(note, err=True)
        self.shared.report(result, text)


def uses_model(function: Command) -> Command:
    """Give a command the options of a model; it receives them as one :class:`Use`, ``use``."""
    decorators = (
        click.option(
            "--encoders",
            type=PATH,
            default="data/encoders",
            show_default=True,
            help="Folder or file of the encoders.",
        ),
        _gan_options("the one that the encoders name"),
        batch_option,
        click.option(
            "--background",
            type=COLOUR,
            metavar="COLOUR",
            default="white",
            show_default=True,
            help="Colour under transparent pixels of images.",
        ),
        common(),
    )
    return gathered(Use, "use", decorators)(function)


def batch_option(function: Command) -> Command:
    """``--batch-size``."""
    return click.option(
        "--batch-size",
        type=COUNT,
        default=250,
        show_default=True,
        help="Images to compute at a time.",
    )(function)


def images_argument(function: Command) -> Command:
    """``IMAGES...``: files, folders, ``.npy`` arrays."""
    return click.argument("images", type=PATH, nargs=-1, required=True)(function)
