"""The default study over several seeds: mean, deviation and range of every metric, beside its k-means floor.

    python benchmarks/seeds.py [--seeds 4] [--jobs 2] [--folder data/seeds]

Every seed runs all stages with `params.yaml`, each job on one core. A seed that is done is not run again, one that was
stopped continues. Writes benchmarks/seeds.json and prints the table; seed 0 differs in its bits from `dvc repro`, which
uses every core.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from ssavl.files import read_json, write_json

ROOT = Path(__file__).parents[1]


def run_seed(seed: int, folder: Path) -> dict[str, dict[str, float]]:
    """All stages for one seed; the metrics of each model and of k-means."""
    out = folder / str(seed)
    gan, encoders, retrained = out / "gan", out / "encoders", out / "encoders-r"
    generator = gan / "generator.pt"
    stages: list[tuple[Path, list[object]]] = [
        (generator, ["train-gan", "--data", folder / "prepared", "--out", gan]),
        (encoders / "encoders.pt", ["fit-encoders", "--gan", generator, "--out", encoders]),
        (retrained / "encoders.pt", ["retrain-R", "--gan", generator, "--encoders", encoders, "--out", retrained]),
        (
            out / "evaluate/metrics.json",
            ["evaluate", "--gan", generator, "--data", folder / "prepared", "--out", out / "evaluate"]
            + ["--encoders", encoders, "--encoders", retrained],
        ),
    ]
    for product, arguments in stages:
        if not product.is_file():
            _ssavl(*arguments, "--seed", seed)
    return {**read_json(out / "evaluate/metrics.json"), **read_json(out / "evaluate/baselines.json")}


def _ssavl(*arguments: object) -> None:
    command = [sys.executable, "-m", "ssavl", *map(str, arguments)]
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})


def spread(values: list[float]) -> dict[str, float | int]:
    """Mean, sample deviation, least and greatest value, and how many."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return {"mean": statistics.mean(values), "std": deviation, "min": min(values), "max": max(values), "n": len(values)}


@click.command()
@click.option("--seeds", type=click.IntRange(2), default=4, show_default=True)
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), default=ROOT / "data/seeds")
def main(seeds: int, jobs: int, folder: Path) -> None:
    """Run the default study over seeds 0, 1, ... and write benchmarks/seeds.json."""
    folder = folder.resolve()
    if not (folder / "prepared/manifest.json").is_file():
        _ssavl("prepare-data", "--out", folder / "prepared")
    with ThreadPoolExecutor(jobs) as pool:
        runs = list(pool.map(lambda seed: run_seed(seed, folder), range(seeds)))
    summary = {model: {key: spread([run[model][key] for run in runs]) for key in runs[0][model]} for model in runs[0]}
    write_json(ROOT / "benchmarks/seeds.json", summary)
    for model, metrics in summary.items():
        for key, s in metrics.items():
            click.echo(f"{model:<8} {key:<18} {s['mean']:9.4f} +- {s['std']:.4f}  [{s['min']:.4f}, {s['max']:.4f}]")


if __name__ == "__main__":
    main()
