"""What an iteration of `train-gan` costs, and what each mechanism adds:
ratios to the default study, in one process.

    python benchmarks/iteration.py [iterations]

Configurations take turns, round by round, so that other work on the machine hits all of them alike;
the median round counts. Numbers of past runs are in benchmarks/README.md.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch

from ssavl.engine.device import choose
from ssavl.engine.run import Run, Schedule
from ssavl.methods.ssavl import build_networks, gan_phases
from ssavl.params.file import load_params

ROOT = Path(__file__).parents[1]
AFTER_WARM_UP = 100_000  # phases are called as if this late, with every term on
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


def build(overrides: list[str], scratch: Path) -> Run:
    """A run of the default study with some parameters changed, on random images."""
    params = load_params(ROOT / "params.yaml", overrides).train_gan
    compute = choose()
    rng = compute.generator(0)
    networks = build_networks(params, (1, 28, 28))
    images = torch.rand(512, 1, 28, 28, device=compute.device)
    labels = torch.randint(params.categories, (512,), generator=rng, device=compute.device)
    clustered = (lambda n: (images[:n], labels[:n])) if params.real_clusters.iterations else None
    phases = gan_phases(networks, params, lambda n: images[:n], rng, clustered)
    schedule = Schedule(AFTER_WARM_UP * 2, params.learning_rate, params.adam_betas)
    modules = {name: compute.place(module) for name, module in networks.modules().items()}
    averaged = {"generator": params.ema_decay} if params.ema_decay else None
    return Run(modules, phases, schedule, compute, rng, scratch, averaged=averaged)


def seconds(run: Run, iterations: int) -> float:
    """Wall time of an iteration."""
    started = time.perf_counter()
    for step in range(AFTER_WARM_UP, AFTER_WARM_UP + iterations):
        run.iterate(step)
    if run.compute.device.type == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - started) / iterations


def main(iterations: int = 20, rounds: int = 5) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        runs = {name: build(overrides, Path(scratch)) for name, overrides in VARIANTS.items()}
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
