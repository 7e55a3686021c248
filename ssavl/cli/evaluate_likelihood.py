"""``ssavl evaluate likelihood``."""

from __future__ import annotations

from pathlib import Path

import click

from ssavl.cli.gan import GanFlags, gan_options
from ssavl.cli.options import Common, common, data_option, encoders_option, out_option, table


@click.command("likelihood")
@gan_options
@encoders_option("Encoders to measure; may be repeated. Annealing starts at the first.")
@data_option()
@out_option("data/evaluate")
@click.option("--split", help="train, validation or test.")
@click.option("--images", type=int, help="Of the split, and as many of the generator.")
@click.option("--k", type=int, multiple=True, help="Draws of the importance-weighted bound; may be repeated.")
@click.option("--temperatures", type=int, help="Of annealing; 0 leaves it out.")
@click.option("--chains", type=int, help="Of annealing, per image.")
@click.option("--start", help="Of annealing: encoder or prior.")
@click.option("--sigma-from", help="given; or learned on generated images, or on train, validation or test.")
@common()
def likelihood(
    shared: Common,
    gan: GanFlags,
    encoders: tuple[Path, ...],
    data: Path,
    out: Path,
    k: tuple[int, ...],
    **flags: str | int | None,
) -> None:
    """Bound log p(x) from below and from above.

    Importance weighting and annealed importance sampling beside the surrogates, on a split and on generated images; on
    these the annealed bounds enclose the truth.
    """
    named = {f"evaluate-likelihood.{name}": value for name, value in flags.items()}
    params = shared.load({**named, "evaluate-likelihood.k": list(k) or None})
    source = gan.source(params.gan_ckpt)
    paths = {"gan": source.spec, "encoders": encoders, "data": data, "out": out}
    settings = {**params.likelihood.model_dump(), **params.evaluate_likelihood.model_dump(mode="json")}
    if shared.stops_here("evaluate likelihood", settings, paths):
        return
    from ssavl.evaluate.likelihood import evaluate_likelihood as run

    result = run(params, data, source, encoders, out, shared.options())
    own = result["likelihood"]
    sigma = f", sigma {own['sigma']:.4g} ({own['sigma_from']})" if own["sigma"] else ""
    lines = [f"likelihood: {own['name']}{sigma}{'' if own['normalised'] else ', not normalised'}"]
    for subject, bounds in result["nats"].items():
        means = {name: {bound: one["mean"] for bound, one in found.items()} for name, found in bounds.items()}
        lines += ["", f"{subject} images, nats", table(means, digits=2)]
    shared.report(result, "\n".join(lines))
