"""``ssavl render``, and ``ssavl render-figures``, the stage of the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from ssavl.cli.default_group import DefaultGroup
from ssavl.cli.kinds import PATH, TEXT, Named, PathOf, listed
from ssavl.cli.options import Common, common, data_option, gathered, out_option
from ssavl.cli.parameter import Command, parameter
from ssavl.cli.subject import GanFlags, gan_options

# As in ssavl.params, which importing would cost --help a tenth of a second; a test compares.
FIGURES = (
    "samples",
    "categories",
    "traversal",
    "reconstructions",
    "interpolation",
    "curves",
    "calibration",
)
BESIDE = ("reconstructions", "categories", "samples")
ENCODERS = (Path("data/encoders"), Path("data/encoders-r"))
DATA = Path("data/prepared")


@dataclass(frozen=True)
class Inputs:
    """What figures are drawn from, and where they go."""

    gan: GanFlags
    encoders: tuple[Path, ...]
    data: Path | None
    out: Path

    def found(self) -> tuple[tuple[Path, ...], Path | None]:
        """Encoders and data: those named, else those that are there.

        Someone else's generator brings its own, or none.
        """
        if self.gan.gan is not None:
            return self.encoders, self.data
        encoders = self.encoders or tuple(path for path in ENCODERS if path.is_dir())
        return encoders, self.data or (DATA if DATA.is_dir() else None)


def inputs_options(function: Command) -> Command:
    """Give a command the options; it receives them as one :class:`Inputs`, ``inputs``."""
    decorators = (
        gan_options,
        click.option(
            "--encoders",
            type=PATH,
            multiple=True,
            show_default="data/encoders, data/encoders-r, if there and without --gan",
            help="Encoders to draw, a row or curve each; may be repeated.",
        ),
        click.option(
            "--data",
            type=PATH,
            show_default="data/prepared, if there and without --gan",
            help="Folder of prepared images.",
        ),
        out_option("data/figures"),
    )
    return gathered(Inputs, "inputs", decorators)(function)


def picture_option(default: str) -> Callable[[Command], Command]:
    """Give a command ``-o``: one picture to write."""
    return click.option(
        "-o",
        "--out",
        type=PathOf(".png"),
        default=default,
        show_default=True,
        help="PNG file to write.",
    )


@click.command("render-figures")
@inputs_options
@common()
def render_figures(shared: Common, inputs: Inputs) -> None:
    """Draw every figure that the parameters name."""
    _render(shared, inputs, shared.load().render_figures.figures, "code")


@click.group(
    cls=DefaultGroup,
    help=f"""Draw a figure, or all, from any bundle by path.

`ssavl render FIGURE OPTIONS` is `ssavl render bundle FIGURE OPTIONS`; `comparison` draws a table of
`compare`, `beside` several methods on the same images.

FIGURE is {listed([*FIGURES, "all"])}.
""",
)
def render() -> None:
    """Draw a figure."""


@click.command("bundle")
@click.argument("figure", type=click.Choice([*FIGURES, "all"]))
@inputs_options
@click.option(
    "--block",
    type=click.Choice(["code", "noise"]),
    default="code",
    show_default=True,
    help="Block of latents that a traversal walks along.",
)
@parameter("render-figures.columns", 10, click.IntRange(2, 100), "Images per row.")
@parameter(
    "render-figures.gif",
    False,
    bool,
    "Animate traversals and interpolations as well.",
    is_flag=True,
    default=None,
)
@common()
def bundle(shared: Common, inputs: Inputs, figure: str, block: str) -> None:
    """Draw a figure, or all, from a generator, its encoders and images (the default)."""
    _render(shared, inputs, FIGURES if figure == "all" else [figure], block)


def _render(shared: Common, inputs: Inputs, figures: Sequence[str], block: str) -> None:
    params = shared.load()
    source = inputs.gan.source(params.gan_ckpt)
    encoders, data = inputs.found()
    style = params.render_figures.model_dump(mode="json", exclude={"figures"})
    settings = {"figures": list(figures), **style}
    paths = {"gan": source.spec, "encoders": encoders, "data": data, "out": inputs.out}
    if shared.stops_here("render-figures", settings, paths):
        return
    from ssavl.stages.render_figures import render as stage

    options = shared.options()
    written = stage(params, figures, source, encoders, data, inputs.out, options, (block,))
    files = [str(path) for path in written]
    shared.report({"figures": files}, "\n".join(files))


@click.command("comparison")
@click.argument("summary", type=PATH)
@click.option(
    "--metric",
    "metrics",
    type=TEXT,
    multiple=True,
    metavar="NAME",
    show_default="every metric that all rows have",
    help="Metric to draw a panel of; may be repeated.",
)
@picture_option("comparison.png")
def comparison(summary: Path, metrics: tuple[str, ...], out: Path) -> None:
    """Draw what `compare -o SUMMARY.json` wrote: each row's mean, its 95 % interval over runs.

    Nothing but SUMMARY is read: neither generator nor encoders.
    """
    from ssavl.uses.render_comparison import render_comparison

    click.echo(render_comparison(summary, metrics, out))


@click.command("beside")
@click.argument("figure", type=click.Choice(BESIDE))
@click.argument(
    "models",
    type=Named("FILE"),
    nargs=-1,
    required=True,
    metavar="NAME=FILE...",
)
@data_option
@parameter("render-figures.columns", 10, click.IntRange(2, 100), "Images per row.")
@picture_option("beside.png")
@common()
def beside(
    shared: Common, figure: str, models: tuple[tuple[str, Path], ...], data: Path, out: Path
) -> None:
    """Draw several methods on the same images or latents, a row each.

    FILE is what `train` left, model.pt, a generator and its encoders, or a folder of encoders that
    `fit-encoders` wrote. FIGURE is reconstructions, categories or samples.
    """
    params = shared.load()
    columns = params.render_figures.columns
    paths = {"models": [path for _, path in models], "data": data, "out": out}
    if shared.stops_here("render beside", {"figure": figure, "columns": columns}, paths):
        return
    from ssavl.uses.render_beside import render_beside

    written = render_beside(figure, models, data, columns, params.seed, out, shared.options())
    shared.report({"figures": [str(written)]}, str(written))


for command in (bundle, comparison, beside):
    render.add_command(command)
