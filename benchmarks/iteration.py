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
from ssavl.engine.memory import Memory
from ssavl.engine.run import Run
from ssavl.images.draws import Draws
from ssavl.methods.method import Common
from ssavl.methods.registry import make
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
    """The last act of the default study with some parameters changed, on random images."""
    long = f"train-gan.iterations={2 * AFTER_WARM_UP}"
    params = load_params(ROOT / "params.yaml", [*overrides, long])
    own, compute = params.train_gan, choose()
    rng = compute.generator(0)
    images = torch.rand(512, 1, 28, 28, device=compute.device)
    data = Draws(
        (1, 28, 28), len(images), lambda index: images[index], lambda n: iter(images.split(n)), rng
    )
    method = make("ss-avl", own, Common.of(params, own, rng), data)
    for module in method.modules.values():
        compute.place(module)
    clusters = method.modules.get("clusters")
    if isinstance(clusters, Memory):  # as if they had been found
        clusters.labels.random_(params.latents.categories, generator=rng)
    return Run(method.modules, method.acts[-1:], compute, rng, scratch, method.averaged)


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
