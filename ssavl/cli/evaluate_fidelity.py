"""``ssavl evaluate fidelity``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ssavl.cli.gan import GanFlags, gan_options
from ssavl.cli.options import PATH, Common, common, data_option, out_option, table

JUDGES = ("classifier", "untrained", "inception")


@click.command("fidelity")
@gan_options
@data_option()
@click.option("--extractor", type=PATH, help="Of train-extractor.  [default: data/extractor, where it is]")
@click.option("--inception", type=PATH, help="Inception's weights, for FID itself; nothing is downloaded.")
@click.option("--cache", type=PATH, help="Folder for the features of real images.  [default: .ssavl]")
@out_option("data/fidelity")
@click.option("-n", "--samples", type=int, help="Images on each side.  [default: half of the split]")
@click.option("--split", help="test, validation or train.")
@common()
def fidelity(
    shared: Common,
    gan: GanFlags,
    data: Path,
    extractor: Path | None,
    inception: Path | None,
    cache: Path | None,
    out: Path,
    samples: int | None,
    split: str | None,
) -> None:
    """Measure how near generated images are to real ones.

    Frechet and kernel distance, score, precision and recall in the features of a trained classifier, of an untrained
    one, and of Inception where its weights are given. Beside them: the same of real images against real ones.
    """
    params = shared.load({"evaluate-fidelity.samples": samples, "evaluate-fidelity.split": split})
    source = gan.source(params.gan_ckpt)
    settings = {"seed": params.seed, **params.evaluate_fidelity.model_dump(mode="json")}
    paths = {"gan": source.spec, "data": data, "extractor": extractor, "inception": inception, "out": out}
    if shared.stops_here("evaluate fidelity", settings, paths):
        return
    from ssavl.evaluate.fidelity import evaluate_fidelity as stage

    result = stage(params, data, source, extractor, inception, cache, out, shared.options())
    shared.report(result, "\n\n".join(_text(result[key]) for key in JUDGES if key in result))


def _text(entry: dict[str, Any]) -> str:
    accuracy = entry.get("accuracy", {})
    right = f", {accuracy['test']:.2%} of test images right" if "test" in accuracy else ""
    head = f"{entry['extractor']} (weights {entry['weights'][:16]}{right}), n = {entry['n']}"
    return f"{head}\n{table({'generated': entry['generated'], 'real': entry['real']}, digits=6)}"
