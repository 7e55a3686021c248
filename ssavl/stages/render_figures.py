"""``render-figures`` and ``ssavl render``: the paper's figures, from anyone's bundles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor

from ssavl.datasets.prepared import Split, read_prepared
from ssavl.engine.log import LOG
from ssavl.errors import UserError
from ssavl.figures.animation import animation
from ssavl.figures.save import save_figure
from ssavl.figures.scene import FIGURE_MAKERS, ROWS, Scene
from ssavl.generators import Source, load_generator
from ssavl.models.bundle import load_models
from ssavl.params.stages import Params
from ssavl.runs.workspace import Options
from ssavl.storage.files import atomic, locked


def render(
    params: Params,
    figures: Sequence[str],
    gan: Source,
    encoders: Sequence[Path],
    data: Path | None,
    out: Path,
    options: Options,
    blocks: tuple[str, ...] = ("code",),
    split: Split = "test",
) -> list[Path]:
    """Write the named figures as PNG (and, when asked for, GIF) into ``out``,
    and return their paths.

    Args:
        figures: names among ``FIGURES``.
        encoders: files or folders, one row or curve each.
        data: prepared data; without it, reconstructions and interpolations start from generated
            images.
        blocks: roles that ``traversal`` walks along.

    Raises:
        UserError: files that cannot be read or do not fit, a figure that needs what is not there.
    """
    compute = options.compute()
    generator = compute.place(load_generator(gan))
    models = load_models(encoders, generator, compute)
    folders = [path if path.is_dir() else path.parent for path in encoders]
    logs = {
        name: folder / LOG
        for name, folder in zip(("gan", *models), (gan.path.parent, *folders), strict=True)
    }
    settings = params.render_figures
    images = (
        next(read_prepared(data).batches(split, ROWS * settings.columns))
        if data is not None
        else None
    )
    scene = Scene(
        generator,
        models,
        images,
        f"{split} images",
        logs,
        settings.columns,
        blocks,
        settings.gif,
        params.seed,
        compute,
    )
    paths = []
    with torch.no_grad():
        drawings = [drawing for name in figures for drawing in FIGURE_MAKERS[name](scene)]
    if not drawings:
        space = generator.latent_space
        raise UserError(
            f"{', '.join(figures)}: nothing to draw from the latents {space!r}; "
            "for a traversal, try --block"
        )
    with locked(out):
        for stem, drawing in drawings:
            paths.append(_write(out, stem, drawing))
    return paths


def _write(out: Path, stem: str, drawing: Figure | list[Tensor]) -> Path:
    if isinstance(drawing, Figure):
        path = out / f"{stem}.png"
        save_figure(path, drawing)
        return path
    path = out / f"{stem}.gif"
    with atomic(path) as file:
        file.write(animation(drawing + drawing[-2:0:-1]))  # there and back
    return path
