"""``ssavl train-gan``."""

from __future__ import annotations

from pathlib import Path

import click

from ssavl.cli.options import Common, common, data_option, out_option


@click.command("train-gan")
@data_option()
@out_option("data/gan")
@click.option("--schedule", help="two-stage, or interleaved (Algorithm 1 to the letter).")
@click.option("--iterations", type=int, help="Iterations of the whole run.")
@common(trains=True)
def train_gan(shared: Common, data: Path, out: Path, schedule: str | None, iterations: int | None) -> None:
    """Train a generator with interpretable codes.

    The wake phase, a Wasserstein GAN, and the mutual information between codes and images (Eqs. 4, 5, 21-24).
    """
    params = shared.load({"train-gan.schedule": schedule, "train-gan.iterations": iterations})
    settings = {"seed": params.seed, **params.train_gan.model_dump(mode="json")}
    if shared.stops_here("train-gan", settings, {"data": data, "out": out}):
        return
    from ssavl.stages.train_gan import train_gan as stage

    result = stage(params, data, out, shared.options())
    shared.report(
        result, f"{result['generator']}: {result['parameters']:,} parameters, {result['iterations']} iterations"
    )
