"""The paper's figures, each drawn from a scene."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import torch
from matplotlib.figure import Figure
from torch import Tensor

from ssavl.engine.device import Compute
from ssavl.engine.log import read_log
from ssavl.errors import UserError
from ssavl.figures.animation import FRAMES_PER_SECOND
from ssavl.figures.calibration import calibration_plot
from ssavl.figures.curves import fit_curves, gan_curves, training_curves
from ssavl.figures.grid import image_grid
from ssavl.figures.scene import Scene
from ssavl.generators.protocol import Generator
from ssavl.latents import walks
from ssavl.models.inference import InferenceModel
from ssavl.params.stages import Figure as FigureName
from ssavl.runs.calibrate import calibrate

ROWS = 10
WALK_STEPS = 10
CALIBRATION_IMAGES, CALIBRATION_BATCH = 2000, 250

# file stem, and a figure or the (R, N, C, H, W) frames of an animation
Drawing = tuple[str, Figure | list[Tensor]]


def samples(scene: Scene) -> Iterator[Drawing]:
    """Draws from the prior (Figs. 10, 12c, 13c)."""
    n = ROWS * scene.columns
    images = scene.decode(scene.latents(n).unflatten(0, (ROWS, scene.columns)))
    yield "samples", image_grid(images, "samples of the generator")


def categories(scene: Scene) -> Iterator[Drawing]:
    """One row per category value, the same noise and code along a column (Figs. 4, 6)."""
    space = scene.generator.latent_space
    for block in space.of_role("category"):
        latents = scene.latents(scene.columns)
        each = [walks.with_category(latents, space, block, k) for k in range(block.dim)]
        labels = [f"d = {k}" for k in range(block.dim)]
        title = "one category per row; noise and code fixed along a column"
        yield (
            block.name if block.name != "category" else "categories",
            image_grid(scene.decode(torch.stack(each)), title, labels),
        )


def traversal(scene: Scene) -> Iterator[Drawing]:
    """One dimension walked, the rest fixed (Figs. 5, 8, 14, 15, 19, 21)."""
    space = scene.generator.latent_space
    for block in space.blocks:
        if block.role not in scene.blocks:
            continue
        limit = f"{-walks.LIMITS[block.prior]:g} to {walks.LIMITS[block.prior]:g}"
        if block.role == "code":
            for dimension in range(block.dim):
                start, labels = _one_row_per_category(scene)
                walked = walks.traverse(start, space, block, dimension, scene.columns)
                name = f"{block.name}_{dimension}"
                stem, title = f"traversal-{name}", f"{name}; the rest fixed along a row"
                yield stem, image_grid(scene.decode(walked), title, labels, f"{name}, {limit}")
                if scene.gif:
                    smooth = scene.decode(
                        walks.traverse(start, space, block, dimension, 2 * FRAMES_PER_SECOND)
                    )
                    yield stem, [frame[None] for frame in smooth.transpose(0, 1)]
        else:
            start = scene.latents(1)
            dimensions = range(min(ROWS, block.dim))
            walked = torch.cat(
                [walks.traverse(start, space, block, d, scene.columns) for d in dimensions]
            )
            labels = [f"{block.name}_{d}" for d in dimensions]
            title = f"dimensions of {block.name}, one per row; category and code fixed"
            yield (
                f"traversal-{block.name}",
                image_grid(scene.decode(walked), title, labels, f"value, {limit}"),
            )


def reconstructions(scene: Scene) -> Iterator[Drawing]:
    """Images above, their reconstructions below,
    one row per model (Figs. 3, 7, 9b, 10, 12, 13, 16, 20).
    """
    x, source = scene.subjects(2 * scene.columns)
    rows: list[Tensor] = []
    labels: list[str] = []
    columns = min(scene.columns, len(x))
    if not columns:
        raise UserError(f"reconstructions: there is none of the {source}")
    for part in x[: len(x) // columns * columns].split(columns):
        rows.append(part)
        labels.append("image")
        for name, model in _models(scene, "reconstructions").items():
            rows.append(model.reconstruct(part, scene.generator, scene.rng()))
            labels.append(name)
    yield (
        "reconstructions",
        image_grid(torch.stack(rows), f"{source} and their reconstructions", labels),
    )


def interpolation(scene: Scene) -> Iterator[Drawing]:
    """Two images encoded, and the walk between them (Fig. 11)."""
    (name, model), *_ = _models(scene, "interpolation").items()
    x, source = scene.subjects(ROWS)
    pairs = len(x) // 2
    if not pairs:
        raise UserError(f"interpolation: needs two {source}, and there are {len(x)}")
    x = x[: 2 * pairs]
    space = scene.generator.latent_space
    ends = model.complete(model.posterior(x).mode, space, scene.rng())
    starts, stops = ends[:pairs], ends[pairs:]
    between = scene.decode(walks.interpolate(starts, stops, space, WALK_STEPS))
    images = torch.cat([x[:pairs, None], between, x[pairs:, None]], dim=1)
    title = f"{name}: from the left of two {source} to the right one"
    yield (
        "interpolation",
        image_grid(images, title, (), "image | from its code to the other's | image"),
    )
    if scene.gif:
        smooth = scene.decode(walks.interpolate(starts, stops, space, 2 * FRAMES_PER_SECOND))
        yield "interpolation", [frame[None] for frame in smooth.transpose(0, 1)]


def curves(scene: Scene) -> Iterator[Drawing]:
    """Surrogates and reconstruction error of fits against the iteration (Figs. 9c, 18); beside
    them the generator's own curves: a GAN's, or of any other training its phases.
    """
    logs = {name: read_log(scene.logs[name]) for name in scene.models}
    fits = {name: log for name, log in logs.items() if "heldout/mse" in log}
    if fits:
        yield "curves-fit", fit_curves(fits)
    if scene.logs["gan"].is_file():
        log = read_log(scene.logs["gan"])
        if "critic/wasserstein" in log:
            yield "curves-gan", gan_curves(log)
        else:
            yield "curves-training", training_curves(log)
    elif not scene.models:
        raise UserError(f"curves: {scene.logs['gan']} does not exist, and no encoders were given")


def calibration(scene: Scene) -> Iterator[Drawing]:
    """Rank histograms and expected coverage on generated images, whose latents are known."""
    models = _models(scene, "calibration")
    found = {
        name: calibrate(
            scene.generator, model, CALIBRATION_IMAGES, CALIBRATION_BATCH, scene.seed, scene.compute
        )
        for name, model in models.items()
    }
    told = {name: own for name, own in found.items() if own}
    if not told:
        raise UserError("calibration: no encoders here tell how sure they are")
    yield "calibration", calibration_plot(told)


FIGURE_MAKERS: dict[str, Callable[[Scene], Iterator[Drawing]]] = {
    "samples": samples,
    "categories": categories,
    "traversal": traversal,
    "reconstructions": reconstructions,
    "interpolation": interpolation,
    "curves": curves,
    "calibration": calibration,
}


def show(
    name: str,
    generator: Generator,
    models: Mapping[str, InferenceModel],
    images: Tensor | None,
    columns: int,
    block: str,
    compute: Compute,
) -> Figure | list[Figure]:
    """One figure of a model in memory; where it is several, a list.

    Args:
        images: ``(N, C, H, W)`` in [0, 1] to encode; ``None`` for the generator's own.
        columns: images per row.
        block: role that a traversal walks along.

    Raises:
        UserError: no such figure, or one that needs what is not there.
    """
    known = [figure for figure in FIGURE_MAKERS if figure != "curves"]  # these are of a log
    if name not in known:
        raise UserError(f"there is no figure '{name}': {', '.join(known)}")
    scene = Scene(generator, models, images, "images", {}, columns, (block,), False, 0, compute)
    figures = [drawing for _, drawing in draw(scene, [name]) if isinstance(drawing, Figure)]
    return figures[0] if len(figures) == 1 else figures


@torch.no_grad()
def draw(scene: Scene, figures: Iterable[str]) -> list[Drawing]:
    """The named figures.

    Raises:
        UserError: nothing of them can be drawn, or one needs what is not there.
    """
    drawings = [drawing for name in figures for drawing in FIGURE_MAKERS[name](scene)]
    if not drawings:
        space = scene.generator.latent_space
        raise UserError(
            f"{', '.join(figures)}: nothing to draw from the latents {space!r}; "
            "for a traversal, try --block"
        )
    return drawings


def _models(scene: Scene, figure: FigureName) -> Mapping[str, InferenceModel]:
    if not scene.models:
        raise UserError(
            f"{figure}: needs encoders: run `ssavl fit-encoders` and give its folder as --encoders"
        )
    return scene.models


def _one_row_per_category(scene: Scene) -> tuple[Tensor, list[str]]:
    """Starting points of a traversal ``(R, D)``:
    one per category value where there is a category, and their labels.
    """
    space = scene.generator.latent_space
    blocks = space.of_role("category")
    if not blocks:
        return scene.latents(ROWS), []
    block = blocks[0]
    latents = scene.latents(block.dim)
    points = torch.cat(
        [walks.with_category(latents[k : k + 1], space, block, k) for k in range(block.dim)]
    )
    return points, [f"d = {k}" for k in range(block.dim)]
