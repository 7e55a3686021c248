"""How long whole commands take: start-up against python's own, and preparing data.

    python benchmarks/whole.py [--before CHECKOUT] [--rounds 15]

Adds to benchmarks/results.json. Of a start, `ratio` is how many times as long as python itself
takes to start and end (`python -c pass`); of other commands it is an older checkout's time over
ours, as in `speed.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).with_name("results.json")
PYTHON = [sys.executable]
MODULE = [*PYTHON, "-m", "ssavl"]
STARTS = {
    "start: import ssavl": [*PYTHON, "-c", "import ssavl"],
    "start: ssavl --help": [*MODULE, "--help"],
    "start: a stage that does nothing (--dry-run)": [*MODULE, "fit-encoders", "--dry-run"],
}


def seconds(command: list[str], path: Path) -> float:
    """Wall time of a process."""
    environment = {**os.environ, "PYTHONPATH": str(path), "OMP_NUM_THREADS": "1"}
    began = time.perf_counter()
    subprocess.run(command, check=True, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def row(ours: list[float], theirs: list[float], over: list[float]) -> dict[str, float]:
    """As `speed.py` writes them."""
    low, high = np.quantile(over, [0.1, 0.9])
    return {
        "ratio": round(statistics.median(over), 3),
        "low": round(float(low), 3),
        "high": round(float(high), 3),
        "n": len(over),
        "ours_ms": round(1000 * statistics.median(ours), 1),
        "theirs_ms": round(1000 * statistics.median(theirs), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--before", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name, command in STARTS.items():
        pairs = [
            (seconds(command, ROOT), seconds([*PYTHON, "-c", "pass"], ROOT))
            for _ in range(arguments.rounds + 1)
        ][1:]
        ours, theirs = (list(times) for times in zip(*pairs, strict=True))
        found[f"{name}: python"] = row(ours, theirs, [a / b for a, b in pairs])
        print(name, found[f"{name}: python"], flush=True)
    if arguments.before:
        with tempfile.TemporaryDirectory() as folder:
            command = [*MODULE, "prepare-data", "--out", f"{folder}/prepared"]
            pairs = [
                (seconds(command, ROOT), seconds(command, arguments.before.resolve()))
                for _ in range(max(3, arguments.rounds // 3))
            ]
        ours, theirs = (list(times) for times in zip(*pairs, strict=True))
        found["prepare-data: before"] = row(ours, theirs, [b / a for a, b in pairs])
        print("prepare-data", found["prepare-data: before"], flush=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
