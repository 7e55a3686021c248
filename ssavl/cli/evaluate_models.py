"""``ssavl evaluate models``, which is what ``ssavl evaluate`` alone runs: the stage."""

from __future__ import annotations

from pathlib import Path

import click

from ssavl.cli.gan import GanFlags, gan_options
from ssavl.cli.options import Common, common, data_option, encoders_option, out_option, table


@click.command("models")
@gan_options
@encoders_option("Encoders to measure; may be repeated.")
@data_option()
@out_option("data/evaluate")
@click.option("--split", help="test or validation.")
@common()
def models(shared: Common, gan: GanFlags, encoders: tuple[Path, ...], data: Path, out: Path, split: str | None) -> None:
    """Measure encoders side by side (the default).

    Clustering against labels, reconstruction, surrogates of the likelihood; k-means on pixels beside.
    """
    params = shared.load({"evaluate.split": split})
    source = gan.source(params.gan_ckpt)
    paths = {"gan": source.spec, "encoders": encoders, "data": data, "out": out}
    if shared.stops_here("evaluate", params.evaluate.model_dump(mode="json"), paths):
        return
    from ssavl.evaluate.models import evaluate as stage

    result = stage(params, data, source, encoders, out, shared.options())
    lines = [table({**result["metrics"], **result["baselines"]})]
    for name, counts in result["confusion"]["counts"].items():
        used = sum(1 for row in counts if sum(row))
        lines.append(f"{name}: {used} of {len(counts)} categories used")
    shared.report(result, "\n".join(lines))
