"""The three objectives of `fit-encoders`, over seeds:
what each finds in pixels, in latents, and how well it knows.

    python benchmarks/objectives.py --gan data/gan/generator.pt --data data/prepared

Encoders from scratch, one core per run; measured on 2,000 held-out samples of the generator (the
same for all) and, with --data, on its test images. Writes benchmarks/objectives.json and prints
mean ± sample deviation over seeds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

import ssavl
from ssavl.datasets.prepared import read_prepared
from ssavl.engine.device import choose
from ssavl.metrics.inversion import latent_errors, norm_ratios
from ssavl.metrics.reconstruction import squared_error
from ssavl.metrics.summary import summarise
from ssavl.runs.calibrate import calibrate

OBJECTIVES = ("elbo", "latent-nll", "both")
IMAGES, SEED = 2000, 4711  # of the held-out samples: of no run's seed


def fit(gan: str, objective: str, seed: int, iterations: int, out: Path) -> None:
    """One run of the command on one thread."""
    settings = {
        "start_from": "scratch",
        "iterations": iterations,
        "decay": iterations // 2,
        "learning_rate": 0.001,
        "log_every": 500,
        "encoder": "{width: 16, features: 256}",
    }
    overrides = [
        word for key, value in settings.items() for word in ("--set", f"fit-encoders.{key}={value}")
    ]
    command = [
        sys.executable,
        "-m",
        "ssavl",
        "fit-encoders",
        "--gan",
        str(Path(gan).resolve()),
        "--out",
        str(out),
    ]
    command += ["--objective", objective, "--seed", str(seed), "--device", "cpu", *overrides]
    subprocess.run(
        command,
        check=True,
        cwd=out.parent,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
    )


@torch.no_grad()
def measure(folder: Path, data: Path | None) -> dict[str, float]:
    """One model's numbers."""
    model = ssavl.load(folder, device="cpu", seed=SEED)
    compute = choose("cpu", "float32")
    latents = model.latent_space.sample(IMAGES, compute.generator(SEED))
    x = model.decode(latents)
    posterior = model.posterior(x)
    own = model.inference.space.join(model.latent_space.split(latents))
    result = {"pixel error": squared_error(x, model.reconstruct(x)).mean().item()}
    result |= {
        f"latent error, {name}": e.mean().item()
        for name, e in latent_errors(posterior, own).items()
    }
    result |= {f"norm ratio, {name}": r.mean().item() for name, r in norm_ratios(posterior).items()}
    found = calibrate(model.generator, model.inference, IMAGES, 500, SEED, compute)
    for name, block in found.items():
        result |= {
            f"calibration error, {name}": block.error,
            f"overconfidence, {name}": block.overconfident,
        }
    if data is not None:
        images = torch.cat(list(read_prepared(data).batches("test", 500)))
        result["pixel error, test images"] = (
            squared_error(images, model.reconstruct(images)).mean().item()
        )
        result["ll, test images"] = model.score(images, samples=4)["ll"].mean().item()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--gan", default="data/gan/generator.pt")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--iterations", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    found: dict[str, list[dict[str, float]]] = {name: [] for name in OBJECTIVES}
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(arguments.workers) as pool:
        runs = [
            (name, seed, Path(folder) / f"{name}-{seed}")
            for seed in range(arguments.seeds)
            for name in OBJECTIVES
        ]
        jobs = [
            pool.submit(fit, arguments.gan, name, seed, arguments.iterations, out)
            for name, seed, out in runs
        ]
        for job, (name, _, out) in zip(jobs, runs, strict=True):
            job.result()
            found[name].append(measure(out, arguments.data))
            print(name, found[name][-1], flush=True)
    summaries = {
        name: {metric: summarise([row[metric] for row in rows], None) for metric in rows[0]}
        for name, rows in found.items()
    }
    plain = {
        name: {metric: own.plain() for metric, own in table.items()}
        for name, table in summaries.items()
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(plain, indent=1) + "\n")
    print("| | " + " | ".join(OBJECTIVES) + " |\n|---|---|---|---|")
    for metric in found["elbo"][0]:
        cells = (
            f"{summaries[name][metric].mean:.4g} ± {summaries[name][metric].std:.2g}"
            for name in OBJECTIVES
        )
        print(f"| {metric} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
