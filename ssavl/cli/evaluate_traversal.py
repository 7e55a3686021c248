"""``ssavl evaluate traversal``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ssavl.cli.gan import GanFlags, gan_options
from ssavl.cli.options import PATH, Common, common, out_option, table

SHOWN = 3  # dimensions of a block that are named one by one; of a larger one, the mean and the worst


@click.command("traversal")
@gan_options
@click.option("--extractor", type=PATH, default="data/extractor", show_default=True, help="Of train-extractor.")
@out_option("data/traversal")
@click.option("-n", "--samples", type=int, help="Latents that every dimension is walked from.")
@click.option("--steps", type=int, help="Of a walk, ends included.")
@common()
def traversal(
    shared: Common, gan: GanFlags, extractor: Path, out: Path, samples: int | None, steps: int | None
) -> None:
    """Measure whether a walk along a latent dimension keeps the class.

    Each dimension of noise and code is walked from end to end with the rest fixed; a trained classifier says whether
    the class stays. Beside it, which class each value of the category holds.
    """
    params = shared.load({"evaluate-traversal.samples": samples, "evaluate-traversal.steps": steps})
    source = gan.source(params.gan_ckpt)
    settings = {"seed": params.seed, **params.evaluate_traversal.model_dump(mode="json")}
    paths = {"gan": source.spec, "extractor": extractor, "out": out}
    if shared.stops_here("evaluate traversal", settings, paths):
        return
    from ssavl.stages.evaluate_traversal import evaluate_traversal as stage

    result = stage(params, source, extractor, out, shared.options())
    shared.report(result, _text(result))


def _text(result: dict[str, Any]) -> str:
    rows: dict[str, float | None] = {}
    for name, block in result["blocks"].items():
        if len(block["kept"]) <= SHOWN:
            rows |= {f"{name}_{index}": share for index, share in enumerate(block["kept"])}
        rows[f"{name}, mean"] = block["mean"]
        rows[f"{name}, worst ({block['worst']['dimension']})"] = block["worst"]["kept"]
    lines = [table({"kept": rows})] if rows else []
    for name, values in result["categories"].items():
        held = ", ".join(f"{v['value']}: {v['class']} ({v['share']:.0%})" for v in values)
        lines.append(f"{name} holds {held}")
    judge = result["extractor"]
    accuracy = f", {judge['accuracy']['test']:.2%} of test images right" if "test" in judge["accuracy"] else ""
    lines.append(f"judged by a classifier of {judge['name']} (weights {judge['weights']}{accuracy})")
    return "\n".join(lines)
