"""How much memory and time `ssavl encode` takes for 1,000 and for 100,000 generated images.

    python benchmarks/encode.py --encoders data/encoders [--gan data/gan/generator.pt]

prints the peak resident memory of each run, their ratio, and images per second; writes
benchmarks/encode.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

COUNTS = (1_000, 100_000)


def run(*arguments: str) -> tuple[float, float]:
    """Peak resident memory in MiB and wall seconds of one command."""
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "ssavl", *arguments], stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"ssavl {' '.join(arguments)} failed")
    return usage.ru_maxrss / 1024, time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--encoders", default="data/encoders")
    parser.add_argument("--gan", default="data/gan/generator.pt")
    arguments = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        everything = f"{folder}/samples.npy"
        run("sample", "--gan", arguments.gan, "-n", str(max(COUNTS)), "-o", everything)
        for ending in ("npz", "csv", "parquet"):
            for count in COUNTS:
                np.save(f"{folder}/part.npy", np.load(everything, mmap_mode="r")[:count])
                latents = f"{folder}/latents.{ending}"
                memory, seconds = run(
                    "encode", f"{folder}/part.npy", "--encoders", arguments.encoders, "-o", latents
                )
                found[f"{ending}, {count} images"] = {"peak MiB": memory, "seconds": seconds}
                print(f"{ending}: {count} images, {memory:.0f} MiB, {seconds:.1f} s", flush=True)
            small, large = (found[f"{ending}, {count} images"] for count in COUNTS)
            ratio = large["peak MiB"] / small["peak MiB"]
            rate = (COUNTS[1] - COUNTS[0]) / (large["seconds"] - small["seconds"])
            found[ending] = {"memory ratio": ratio, "images per second": rate}
            print(f"{ending}: memory {ratio:.3f}, {rate:.0f} images per second", flush=True)
    Path(__file__).with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
