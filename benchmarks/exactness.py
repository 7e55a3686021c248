"""Encoders against an exact posterior: ``ssavl fit-encoders`` on linear_gaussian.py,
each objective.

    python benchmarks/exactness.py [--iterations 8000]

prints, over 4,000 held-out images: the root mean square error of the posterior's mean against the
exact one (relative to the exact one's root mean square), the fitted variance over the exact one,
and the coverage of credible intervals with its 95 % band. Writes benchmarks/exactness.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from ssavl.engine.device import choose
from ssavl.generators.description import BlockDescription, Description
from ssavl.generators.load import load_generator
from ssavl.generators.source import GeneratorSource
from ssavl.metrics.calibration import LEVELS
from ssavl.models.files import load_encoders
from ssavl.runs.calibrate import calibrate
from ssavl.runs.probe import observe

HERE = Path(__file__).parent
FACTORY = f"{HERE / 'linear_gaussian.py'}:make"
SIGMA = 1 / 6
IMAGES = 4000


def fit(objective: str, iterations: int, folder: Path) -> None:
    """One run of the command, as a user would type it."""
    settings = {
        "likelihood": f"{{name: gaussian, sigma: {SIGMA}}}",
        "fit-encoders.image_noise": SIGMA,
        "fit-encoders.iterations": iterations,
        "fit-encoders.decay": int(0.75 * iterations),
        "fit-encoders.learning_rate": 0.004,
        "fit-encoders.batch_size": 128,
        "fit-encoders.encoder": "{width: 8, features: 64}",
        "fit-encoders.log_every": iterations,
    }
    overrides = [
        argument for key, value in settings.items() for argument in ("--set", f"{key}={value}")
    ]
    command = [sys.executable, "-m", "ssavl", "fit-encoders", "--gan", FACTORY, "--latent-dim", "2"]
    command += ["--objective", objective, "--out", str(folder), "--device", "cpu", *overrides]
    # there is no params.yaml: the defaults count
    subprocess.run(command, check=True, cwd=folder.parent)


def measure(folder: Path) -> dict[str, Any]:
    """The comparison with the exact posterior."""
    compute = choose("cpu", "float32")
    source = GeneratorSource(FACTORY, described=Description(latents=[BlockDescription(dim=2)]))
    generator, model = load_generator(source), load_encoders(folder)
    rng = compute.generator(99)
    latents = generator.latent_space.sample(IMAGES, rng)
    x = observe(generator, latents, model.image_noise, rng)
    with torch.no_grad():
        found = model.posterior(x).gaussian("noise")
        mean, variance = generator.network.exact(x, SIGMA)  # type: ignore[operator, union-attr]
    own = calibrate(generator, model, IMAGES, 500, 98, compute)["noise"]
    return {
        "mean error": (
            (found.mean - mean).square().mean().sqrt() / mean.square().mean().sqrt()
        ).item(),
        "variance ratio": (found.variance.mean(0) / variance).tolist(),
        "coverage error": own.error,
        "levels within the band": own.within,
        "coverage": dict(
            zip((f"{level:.2f}" for level in LEVELS), own.coverage.tolist(), strict=True)
        ),
        "half band": dict(
            zip((f"{level:.2f}" for level in LEVELS), own.half_band.tolist(), strict=True)
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--iterations", type=int, default=8000)
    arguments = parser.parse_args()
    result = {}
    for objective in ("elbo", "latent-nll", "both"):
        with tempfile.TemporaryDirectory() as folder:
            fit(objective, arguments.iterations, Path(folder) / "encoders")
            result[objective] = measure(Path(folder) / "encoders")
        plain = {
            key: value for key, value in result[objective].items() if not isinstance(value, dict)
        }
        print(objective, plain, flush=True)
    (HERE / "exactness.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
