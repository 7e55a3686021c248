"""``ssavl render beside``: several methods on the same images or latents, a row each (Figs. 3, 4,
6, 7).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor

from ssavl.datasets.prepared import read_prepared
from ssavl.engine.device import Compute
from ssavl.errors import UserError
from ssavl.figures.grid import image_grid
from ssavl.figures.save import save_figure
from ssavl.generators.load import load_generator
from ssavl.generators.source import WeightsFile
from ssavl.latents import walks
from ssavl.models.bundle import generator_of, load_models
from ssavl.networks.generator import GeneratorNetwork
from ssavl.runs.workspace import Options, seed_everything


@dataclass(frozen=True)
class Sheet:
    """What every row is made with.

    Attributes:
        images: real ones ``(N, C, H, W)``; ``None`` where a figure reads none.
        columns: images of a row.
    """

    images: Tensor | None
    columns: int
    seed: int
    compute: Compute

    def rng(self) -> torch.Generator:
        """The same at each call, so that every method has the same chance."""
        return seed_everything(self.seed, self.compute)


Row = Callable[[str, Path, GeneratorNetwork, Sheet], Tensor]  # (N, C, H, W)


def reconstructed(name: str, path: Path, generator: GeneratorNetwork, sheet: Sheet) -> Tensor:
    """What a model makes of the images."""
    models = load_models([path], generator, sheet.compute)
    if not models:
        raise UserError(f"{name}: {path} has no encoders, so it reconstructs nothing")
    (model,) = models.values()
    assert sheet.images is not None
    return model.reconstruct(sheet.images, generator, sheet.rng())


def categories(name: str, path: Path, generator: GeneratorNetwork, sheet: Sheet) -> Tensor:
    """One draw of all other latents with each of the category's values."""
    space = generator.latent_space
    blocks = space.of_role("category")
    if not blocks:
        raise UserError(f"{name}: the generator of {path} has no category")
    block, latents = blocks[0], generator.draw(1, sheet.rng())
    values = range(min(block.dim, sheet.columns))
    return generator(torch.cat([walks.with_category(latents, space, block, k) for k in values]))


def samples(name: str, path: Path, generator: GeneratorNetwork, sheet: Sheet) -> Tensor:
    """Draws from the prior."""
    return generator(generator.draw(sheet.columns, sheet.rng()))


ROWS: dict[str, tuple[Row, str]] = {
    "reconstructions": (reconstructed, "test images, and what each method makes of them"),
    "categories": (categories, "one draw of each method with each value of its category"),
    "samples": (samples, "samples of each method"),
}


@torch.no_grad()
def render_beside(
    figure: str,
    models: Sequence[tuple[str, Path]],
    data: Path,
    columns: int,
    seed: int,
    out: Path,
    options: Options,
) -> Path:
    """Draw a row for each model, and return the file written.

    Args:
        figure: of :data:`ROWS`.
        models: names, and the ``model.pt`` that ``train`` left, generator and encoders, or a folder
            of encoders that know their generator.
        data: prepared images; reconstructions are of the first of its test split, and nothing else
            reads it.
        out: a ``.png``.

    Raises:
        UserError: a file that cannot be read or lacks what the figure shows, images of several
            sizes.
    """
    row, title = ROWS[figure]
    images, labels, rows = None, [], []
    compute = options.compute()
    if figure == "reconstructions":
        first = next(read_prepared(data).batches("test", columns))
        images = first[:columns].to(compute.device)
        labels, rows = ["image"], [images]
    sheet = Sheet(images, columns, seed, compute)
    for name, path in models:
        own = generator_of(None, path) if path.is_dir() else load_generator(WeightsFile(path))
        generator = compute.place(own)
        made = row(name, path, generator, sheet)
        if rows and made.shape[1:] != rows[0].shape[1:]:
            size, other = (" x ".join(map(str, own.shape[1:])) for own in (made, rows[0]))
            raise UserError(f"{name} makes images of {size}, the row above it has {other}")
        labels.append(name)
        rows.append(made)
    save_figure(out, _grid(rows, title, labels))
    return out


def _grid(rows: Sequence[Tensor], title: str, labels: Sequence[str]) -> Figure:
    """Rows of several lengths: white follows a shorter one."""
    longest = max(map(len, rows))
    whole = [torch.cat([row.cpu(), torch.ones(longest - len(row), *row.shape[1:])]) for row in rows]
    return image_grid(torch.stack(whole), title, labels)
