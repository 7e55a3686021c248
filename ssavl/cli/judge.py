"""What of ``ssavl evaluate`` needs a judge: ``fidelity`` and ``traversal``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ssavl.cli.kinds import COUNT, FOLDER, PATH
from ssavl.cli.options import Common, common, data_option, out_option
from ssavl.cli.parameter import parameter, split_option
from ssavl.cli.results import table
from ssavl.cli.subject import GanFlags, gan_options

JUDGES = ("classifier", "untrained", "inception")
EXTRACTOR = "Folder of the classifier that train-extractor left."
SHOWN = 3  # dimensions of a block that are named one by one; of more, the mean and the worst


@click.command("fidelity")
@gan_options
@data_option
@click.option(
    "--extractor",
    type=PATH,
    show_default="data/extractor, if there is one",
    help=EXTRACTOR,
)
@click.option(
    "--inception",
    type=PATH,
    help="File with Inception's weights, for FID itself; nothing is downloaded.",
)
@click.option(
    "--cache",
    type=FOLDER,
    show_default=".ssavl",
    help="Folder that features of real images are kept in.",
)
@out_option("data/fidelity")
@parameter(
    "evaluate-fidelity.samples",
    "half of the split",
    click.IntRange(10),
    "Images on each side of a comparison.",
    "-n",
)
@split_option("evaluate-fidelity", ["test", "validation", "train"])
@common()
def fidelity(
    shared: Common,
    gan: GanFlags,
    data: Path,
    extractor: Path | None,
    inception: Path | None,
    cache: Path | None,
    out: Path,
) -> None:
    """Measure how near generated images are to real ones.

    Frechet and kernel distance, score, precision and recall in the features of a trained
    classifier, of an untrained one, and of Inception where its weights are given. Beside them: the
    same of real images against real ones.
    """
    params = shared.load()
    source = gan.source(params.gan_ckpt)
    settings = {"seed": params.seed, **params.evaluate_fidelity.model_dump(mode="json")}
    judges = {"extractor": extractor, "inception": inception}
    paths = {"gan": source.spec, "data": data, **judges, "out": out}
    if shared.stops_here("evaluate fidelity", settings, paths):
        return
    from ssavl.evaluate.fidelity import evaluate_fidelity as stage

    options = shared.options()
    result = stage(params, data, source, extractor, inception, cache, out, options)
    shared.report(result, _fidelity_text(result))


def _fidelity_text(result: Mapping[str, Any]) -> str:
    """A table for each judge of ``evaluate fidelity``."""
    return "\n\n".join(_judged(result[judge]) for judge in JUDGES if judge in result)


def _judged(entry: Mapping[str, Any]) -> str:
    right = _right(entry.get("accuracy", {}))
    head = f"{entry['extractor']} (weights {entry['weights'][:16]}{right}), n = {entry['n']}"
    rows = {side: entry[side] for side in ("generated", "real")}
    return f"{head}\n{table(rows, digits=6)}"


@click.command("traversal")
@gan_options
@click.option(
    "--extractor",
    type=PATH,
    default="data/extractor",
    show_default=True,
    help=EXTRACTOR,
)
@out_option("data/traversal")
@parameter(
    "evaluate-traversal.samples",
    200,
    COUNT,
    "Latents that every dimension is walked from.",
    "-n",
)
@parameter(
    "evaluate-traversal.steps",
    10,
    click.IntRange(2),
    "Steps of a walk, ends included.",
)
@common()
def traversal(shared: Common, gan: GanFlags, extractor: Path, out: Path) -> None:
    """Measure whether a walk along a latent dimension keeps the class.

    Each dimension of noise and code is walked from end to end with the rest fixed; a trained
    classifier says whether the class stays. Beside it, which class each value of the category
    holds.
    """
    params = shared.load()
    source = gan.source(params.gan_ckpt)
    settings = {"seed": params.seed, **params.evaluate_traversal.model_dump(mode="json")}
    paths = {"gan": source.spec, "extractor": extractor, "out": out}
    if shared.stops_here("evaluate traversal", settings, paths):
        return
    from ssavl.evaluate.traversal import evaluate_traversal as stage

    result = stage(params, source, extractor, out, shared.options())
    shared.report(result, _traversal_text(result))


def _traversal_text(result: Mapping[str, Any]) -> str:
    """What ``evaluate traversal`` found of dimensions and categories, and who judged."""
    rows: dict[str, float | None] = {}
    for name, block in result["blocks"].items():
        if len(block["kept"]) <= SHOWN:
            rows |= {f"{name}_{index}": share for index, share in enumerate(block["kept"])}
        rows[f"{name}, mean"] = block["mean"]
        rows[f"{name}, worst ({block['worst']['dimension']})"] = block["worst"]["kept"]
    lines = [table({"kept": rows})] if rows else []
    for name, values in result["categories"].items():
        held = [f"{one['value']}: {one['class']} ({one['share']:.0%})" for one in values]
        lines.append(f"{name} holds {', '.join(held)}")
    judge = result["extractor"]
    weights = f"weights {judge['weights']}{_right(judge['accuracy'])}"
    lines.append(f"judged by a classifier of {judge['name']} ({weights})")
    return "\n".join(lines)


def _right(accuracy: Mapping[str, float]) -> str:
    """How good a judge is, to stand after its name; nothing where that is not known."""
    return f", {accuracy['test']:.2%} of test images right" if "test" in accuracy else ""
