"""What it costs when the work grows: time and peak memory against images, pixels, latents, batch.

    python benchmarks/scaling.py [images] [pixels] [latents] [batch]

Each point is a process of its own, with one thread and float32. Writes benchmarks/scaling.json: for
each axis its points, and the exponent of the fit `seconds = a + b * size ** exponent` over the
points where the work outweighs the start (a straight line through the logarithms).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).with_suffix(".json")
AXES: dict[str, list[int]] = {
    "images": [1, 1_000, 10_000, 100_000, 1_000_000],
    "pixels": [28, 32, 64, 128, 256],
    "latents": [8, 32, 128, 512],
    "batch": [1, 4, 16, 64, 256],
}
# a point by itself: prints the seconds of one unit of work
STEP = """
import sys, time
import torch
from contenders import reading
from ssavl.engine.heap import keep_freed
torch.set_num_threads(1)
keep_freed()
step = reading(*map(int, sys.argv[1:]), width=16)
step()
times = []
while len(times) < 3 or sum(times) < 2:
    began = time.perf_counter()
    step()
    times.append(time.perf_counter() - began)
print(sorted(times)[len(times) // 2])
"""
# a process's peak is never below that of who started it, so somebody small does
LAUNCH = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:])
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
sys.exit(done.returncode)
"""


def measured(command: list[str]) -> tuple[str, float, float]:
    """What a process prints, its CPU seconds and its peak memory in MiB."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "SSAVL_PRECISION": "float32"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "benchmarks")])
    launched = [sys.executable, "-c", LAUNCH, *command]
    done = subprocess.run(launched, stdout=subprocess.PIPE, text=True, env=environment)
    if done.returncode:
        sys.exit(f"{command[:4]} failed")
    *said, usage = done.stdout.splitlines()
    seconds, memory = map(float, usage.split())
    return "\n".join(said), seconds, memory


def images(count: int, folder: Path) -> dict[str, float]:
    """`ssavl encode` of so many images in one array, by the encoders in the folder."""
    array = np.lib.format.open_memmap(
        folder / "x.npy", mode="w+", dtype=np.uint8, shape=(count, 1, 28, 28)
    )
    rng = np.random.default_rng(0)
    for start in range(0, count, 10_000):
        part = array[start : start + 10_000]
        part[:] = rng.integers(0, 256, part.shape, dtype=np.uint8)
    array.flush()
    command = [sys.executable, "-m", "ssavl", "encode", str(folder / "x.npy")]
    command += ["--encoders", str(folder / "model"), "-o", str(folder / "latents.npz")]
    _, seconds, memory = measured(command)
    return {"seconds": seconds, "MiB": memory}


def step(pixels: int, latents: int, batch: int) -> dict[str, float]:
    """An iteration of fit-encoders."""
    said, _, memory = measured([sys.executable, "-c", STEP, *map(str, (pixels, latents, batch))])
    return {"seconds": float(said), "MiB": memory}


def point(axis: str, size: int, folder: Path) -> dict[str, float]:
    """One point of an axis; what is not varied has the toolkit's usual size."""
    if axis == "images":
        return images(size, folder)
    usual = {"pixels": 64, "latents": 64, "batch": 64, axis: size}
    return step(usual["pixels"], usual["latents"], usual["batch"])


def exponent(axis: str, rows: list[dict[str, float]]) -> float:
    """Of the cost, without what the smallest size costs to begin with; of pixels, not of sides."""
    sizes = np.array([row["size"] ** (2 if axis == "pixels" else 1) for row in rows])
    seconds = np.array([row["seconds"] for row in rows])
    if axis == "images":  # the first is the start of the process, the second little more
        sizes, seconds = sizes[2:], seconds[2:] - seconds[0]
    return round(float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0]), 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("axes", nargs="*", metavar="AXIS", help=", ".join(AXES))
    arguments = parser.parse_args()
    found = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if not arguments.axes or "images" in arguments.axes:
            _fitted(folder / "model")
        for axis in arguments.axes or AXES:
            rows = []
            for size in AXES[axis]:
                rows.append({"size": size, **point(axis, size, folder)})
                print(axis, rows[-1], flush=True)
            found[axis] = {"rows": rows, "exponent": exponent(axis, rows)}
            print(axis, "exponent", found[axis]["exponent"], flush=True)
            RESULT.write_text(json.dumps(found, indent=1) + "\n")


def _fitted(folder: Path) -> None:
    """Encoders of the default study's sizes, of an untrained generator of ours."""
    import ssavl
    from ssavl.methods.networks import latent_space
    from ssavl.networks.generator import ConvGenerator
    from ssavl.params.file import load_params

    params = load_params(ROOT / "params.yaml", [])
    generator = ConvGenerator(latent_space(params.latents), (1, 28, 28), 16, 256, {}).eval()
    encoder = {"width": 16, "features": 256}
    ssavl.fit(generator, iterations=1, device="cpu", encoder=encoder, progress=False).save(folder)


if __name__ == "__main__":
    main()
