"""``ssavl render`` and the stage ``ssavl render-figures``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from ssavl.cli.default_group import DefaultGroup
from ssavl.cli.gan import GanFlags, gan_options
from ssavl.cli.options import PATH, Common, common, out_option
from ssavl.cli.render_comparison import comparison

Command = TypeVar("Command", bound=Callable[..., Any])

# As in ssavl.params.stages.FIGURES, which importing would cost --help a tenth of a second; a test compares the two.
FIGURES = ("samples", "categories", "traversal", "reconstructions", "interpolation", "curves", "calibration")
ENCODERS = (Path("data/encoders"), Path("data/encoders-r"))
DATA = Path("data/prepared")


def _inputs(function: Command) -> Command:
    for decorator in (
        out_option("data/figures"),
        click.option("--data", type=PATH, help="Folder of prepared images.  [default: data/prepared, if there is one]"),
        click.option(
            "--encoders", type=PATH, multiple=True,
            help="Encoders, a row or curve each; may be repeated.  [default: data/encoders, data/encoders-r, if there]",
        ),
        gan_options,
    ):  # fmt: skip
        function = decorator(function)
    return function


@click.command("render-figures")
@_inputs
@common()
def render_figures(shared: Common, gan: GanFlags, encoders: tuple[Path, ...], data: Path | None, out: Path) -> None:
    """Draw every figure that the parameters name."""
    _render(shared, None, gan, encoders, data, out, {}, ("code",))


@click.group(cls=DefaultGroup)
def render() -> None:
    """Draw a figure, or all, from any bundle by path.

    `ssavl render FIGURE OPTIONS` is `ssavl render bundle FIGURE OPTIONS`; `comparison` draws a table of `compare`.
    """


@click.command("bundle")
@click.argument("figure", type=click.Choice([*FIGURES, "all"]))
@_inputs
@click.option(
    "--block", type=click.Choice(["code", "noise"]), default="code", show_default=True, help="Of a traversal."
)
@click.option("--columns", type=int, help="Images per row.")
@click.option("--gif", is_flag=True, default=None, help="Animate traversals and interpolations as well.")
@common()
def bundle(
    shared: Common,
    figure: str,
    gan: GanFlags,
    encoders: tuple[Path, ...],
    data: Path | None,
    out: Path,
    block: str,
    columns: int | None,
    gif: bool | None,
) -> None:
    """Draw a figure, or all, from a generator, its encoders and images (the default)."""
    figures = list(FIGURES) if figure == "all" else [figure]
    flags = {"render-figures.columns": columns, "render-figures.gif": gif}
    _render(shared, figures, gan, encoders, data, out, flags, (block,))


def _render(
    shared: Common,
    figures: list[str] | None,
    gan: GanFlags,
    encoders: tuple[Path, ...],
    data: Path | None,
    out: Path,
    flags: dict[str, Any],
    blocks: tuple[str, ...],
) -> None:
    params = shared.load(flags)
    source = gan.source(params.gan_ckpt)
    wanted = figures or list(params.render_figures.figures)
    if gan.gan is None:  # someone else's generator brings its own encoders and images, or none
        encoders = encoders or tuple(path for path in ENCODERS if path.is_dir())
        data = data or (DATA if DATA.is_dir() else None)
    paths = {"gan": source.spec, "encoders": encoders, "data": data, "out": out}
    settings = {"figures": wanted, **params.render_figures.model_dump(mode="json", exclude={"figures"})}
    if shared.stops_here("render-figures", settings, paths):
        return
    from ssavl.stages.render_figures import render as stage

    files = [str(p) for p in stage(params, wanted, source, encoders, data, out, shared.options(), blocks)]
    shared.report({"figures": files}, "\n".join(files))


for command in (bundle, comparison):
    render.add_command(command)
