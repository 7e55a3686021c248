"""``ssavl retrain-R``."""

from __future__ import annotations

from pathlib import Path

import click

from ssavl.cli.gan import GanFlags, gan_options
from ssavl.cli.options import PATH, Common, common, data_option, out_option, reader_of, watch_option


@click.command("retrain-R")
@gan_options
@click.option("--encoders", type=PATH, default="data/encoders", show_default=True, help="Encoders to start from.")
@data_option()
@out_option("data/encoders-r")
@click.option("--source", help="generated (data-free), or real (reads the training images of --data).")
@click.option("--iterations", type=int, help="Iterations of the whole run.")
@click.option("--beta", type=float, help="Weight of every KL.")
@watch_option
@common(trains=True)
def retrain_r(
    shared: Common,
    gan: GanFlags,
    encoders: Path,
    data: Path,
    out: Path,
    source: str | None,
    iterations: int | None,
    beta: float | None,
    watch: tuple[Path, ...],
) -> None:
    """Retrain both encoders on one joint bound (SS-AVL-R).

    Eq. 18, on generated images, or with --source real on the training images as an upper bound.
    """
    flags = {"retrain-R.source": source, "retrain-R.iterations": iterations, "beta": beta}
    params = shared.load(flags)
    generator = gan.source(params.gan_ckpt)
    settings = {"seed": params.seed, "beta": params.beta, **params.retrain_r.model_dump(mode="json")}
    needed = data if params.retrain_r.source == "real" else None
    if shared.stops_here(
        "retrain-R", settings, {"gan": generator.spec, "encoders": encoders, "data": needed, "watch": watch, "out": out}
    ):
        return
    from ssavl.stages.retrain_r import retrain_r as stage

    result = stage(params, generator, encoders, needed, out, shared.options(), reader_of(watch))
    shared.report(result, f"{result['encoders']}: {result['model']}, {result['iterations']} iterations")
