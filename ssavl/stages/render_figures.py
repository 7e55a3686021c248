"""``render-figures`` and ``ssavl render``: the paper's figures, from anyone's bundles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ssavl.datasets.prepared import Split, read_prepared
from ssavl.engine.log import LOG
from ssavl.figures.drawings import ROWS, draw
from ssavl.figures.save import save_drawing
from ssavl.figures.scene import Scene
from ssavl.generators.load import load_generator
from ssavl.generators.source import Source
from ssavl.models.bundle import folder_of, inferring, load_saved
from ssavl.params.stages import Params
from ssavl.runs.workspace import Options
from ssavl.storage.files import locked


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
    """Write the named figures as PNG, and where asked for GIF, into ``out``; their paths.

    Args:
        figures: names among ``FIGURES``.
        encoders: files or folders, one row or curve each.
        data: prepared data; without it, reconstructions start from generated images.
        blocks: roles that ``traversal`` walks along.

    Raises:
        UserError: files that cannot be read or do not fit, a figure that needs what is not there.
    """
    compute = options.compute()
    generator = compute.place(load_generator(gan))
    saved = load_saved(encoders, compute)
    models = inferring(saved, generator)
    settings, images = params.render_figures, None
    if data is not None:
        images = next(read_prepared(data).batches(split, ROWS * settings.columns))
    folders = {"gan": gan.path.parent} | {
        name: folder_of(path) for name, (path, _) in saved.items()
    }
    logs, title = {name: folder / LOG for name, folder in folders.items()}, f"{split} images"
    columns, gif, seed = settings.columns, settings.gif, params.seed
    scene = Scene(generator, models, images, title, logs, columns, blocks, gif, seed, compute)
    drawings = draw(scene, figures)
    with locked(out):
        return [save_drawing(out, stem, drawing) for stem, drawing in drawings]
