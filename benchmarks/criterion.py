"""Which run is the model? What can be seen of a run without a label, against its accuracy.

    python benchmarks/criterion.py pipelines/mnist/data/improved-* --out criterion.json

One row per run: the inertia of the clusters (k-means in the embedding, lowest is best) and the
agreement of q(d | x) with them at the end (nats, highest is best), both from real training images,
and the bound on held-out generated ones; then the accuracy on the split that `evaluate` read.
Below, Spearman's rank correlation of each with the accuracy. The criterion is the inertia, fixed
before any test image was read.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from scipy.stats import spearmanr

from ssavl.engine.log import read_log

BETTER = {"inertia": -1, "agreement": 1, "ll": 1}


def criteria(run: Path) -> dict[str, float]:
    """What the files of one run say."""
    found = json.loads((run / "gan/run.json").read_text())["clusters"]
    metrics = json.loads((run / "evaluate/metrics.json").read_text())["ssavl"]
    return {
        "inertia": found["inertia"],
        "agreement": read_log(run / "gan/log.csv")["generator/agreement"][-1],
        "ll": read_log(run / "encoders/log.csv")["heldout/ll"][-1],
        "accuracy": metrics["accuracy"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    runs = {run: criteria(run) for run in arguments.runs}
    names = ["inertia", "agreement", "ll", "accuracy"]
    print("| run | " + " | ".join(names) + " |\n|" + "---|" * (len(names) + 1))
    for run, row in runs.items():
        print(f"| {run.name} | " + " | ".join(f"{row[name]:.4f}" for name in names) + " |")
    accuracies = [row["accuracy"] for row in runs.values()]
    correlation = {}
    for name in names[:-1]:
        own = [BETTER[name] * row[name] for row in runs.values()]
        correlation[name] = float(spearmanr(own, accuracies).statistic)
    cells = (f"{value:.2f}" for value in correlation.values())
    print("| rank correlation | " + " | ".join(cells) + " | |")
    if arguments.out:
        rows = {run.name: row for run, row in runs.items()}
        found = {"runs": rows, "correlation": correlation}
        arguments.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
