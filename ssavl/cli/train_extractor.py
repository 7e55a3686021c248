"""``ssavl train-extractor``."""

from __future__ import annotations

from pathlib import Path

import click

from ssavl.cli.options import Common, common, data_option, out_option


@click.command("train-extractor")
@data_option()
@out_option("data/extractor")
@click.option("--iterations", type=int, help="Iterations of the whole run.")
@common(trains=True)
def train_extractor(shared: Common, data: Path, out: Path, iterations: int | None) -> None:
    """Train the classifier that judges images.

    It learns the classes of the training split, and is what `evaluate fidelity` and `evaluate traversal` measure with.
    Nothing is trained or chosen by it.
    """
    params = shared.load({"train-extractor.iterations": iterations})
    settings = {"seed": params.seed, **params.train_extractor.model_dump(mode="json")}
    if shared.stops_here("train-extractor", settings, {"data": data, "out": out}):
        return
    from ssavl.stages.train_extractor import train_extractor as stage

    result = stage(params, data, out, shared.options())
    shares = ", ".join(f"{share:.2%} of the {split} images" for split, share in result["accuracy"].items())
    shared.report(result, f"{result['extractor']} (weights {result['weights']}): {shares} classified right")
