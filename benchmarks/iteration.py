"""What an iteration of `train-gan` costs, and what each mechanism adds:
ratios to the default study, in one process.

    python benchmarks/iteration.py [iterations]

Configurations take turns, round by round, so that other work on the machine hits all of them alike;
the median round counts. Numbers of past runs are in benchmarks/README.md.
"""

from __future__ import annotations

import statistics
import sys
import time

import torch
from contenders import AFTER_WARM_UP, training

from ssavl.engine.heap import keep_freed
from ssavl.engine.run import Run

VARIANTS: dict[str, list[str]] = {
    "default study": [],
    "penalty on every step": ["train-gan.gp_every=1"],
    "two critic steps": ["train-gan.n_critic=2"],
    "no real clusters": ["train-gan.real_clusters.iterations=0"],
    "real consistency": ["train-gan.real_consistency.weight=1"],
    "averaged weights": ["train-gan.ema_decay=0.999"],
    "width 32": [
        "networks.generator.width=32",
        "networks.critic.width=32",
        "networks.encoder.width=32",
    ],
}


def seconds(run: Run, iterations: int) -> float:
    """Wall time of an iteration."""
    run.playing.step = AFTER_WARM_UP
    started = time.perf_counter()
    for _ in range(iterations):
        run.iterate()
    if run.compute.device.type == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - started) / iterations


def main(iterations: int = 20, rounds: int = 5) -> None:
    keep_freed()  # as every command does
    runs = {name: training("ss-avl", own, device=None) for name, own in VARIANTS.items()}
    for run in runs.values():
        seconds(run, 3)
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            times[name].append(seconds(run, iterations))
    base = statistics.median(times["default study"])
    print(
        f"{torch.get_num_threads()} threads, {1000 * base:.1f} ms for an iteration of the default "
        "study"
    )
    for name, values in times.items():
        print(f"{name:<24} {statistics.median(values) / base:5.2f}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
