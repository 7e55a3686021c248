"""``ssavl train-vae``."""

from __future__ import annotations

from pathlib import Path

import click

from ssavl.cli.options import Common, common, data_option, out_option


@click.command("train-vae")
@data_option()
@out_option("data/vae")
@click.option("--iterations", type=int, help="Iterations of the whole run.")
@common(trains=True)
def train_vae(shared: Common, data: Path, out: Path, iterations: int | None) -> None:
    """Train a VAE of the same architecture on real images, to compare with.

    Networks and latent space are those of train-gan. It leaves a generator and its encoders in one folder.
    """
    params = shared.load({"train-vae.iterations": iterations})
    settings = {"seed": params.seed, "beta": params.beta, **params.train_vae.model_dump(mode="json")}
    if shared.stops_here("train-vae", settings, {"data": data, "out": out}):
        return
    from ssavl.stages.train_vae import train_vae as stage

    result = stage(params, data, out, shared.options())
    shared.report(result, f"{result['encoders']}: {result['model']}, {result['iterations']} iterations")
