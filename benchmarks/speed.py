"""How fast: each step of ssavl against what users write, an older checkout, and a peer.

    python benchmarks/speed.py [--before CHECKOUT] [--peer FOLDER] [--rounds 9] [--device cuda]
        [NAME ...]

Every contender is a process of its own with one thread (`contenders.py`). They take turns, round by
round, so that other work on the machine hits all alike; a ratio is of two times in one round.
Writes benchmarks/results.json, of a GPU benchmarks/results-cuda.json:
`{name: {ratio, low, high, n, ...}}`, the median ratio and the tenth and ninetieth hundredth of n
rounds, and `machine`, what it ran on. A ratio above 1 says that ssavl is that many times as fast.
`peak` is the share of the machine's measured rate, convolutions and matrix products by their part
of the work, that the step's arithmetic comes to.

--before: an older checkout of ssavl. --peer: a folder with pythae 0.1.2
(`pip install --no-deps --target FOLDER pythae==0.1.2`). Without one, its rows are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from work import flops, rates

ROOT = Path(__file__).parents[1]
RESULTS = {
    device: Path(__file__).with_name(name)
    for device, name in (("cpu", "results.json"), ("cuda", "results-cuda.json"))
}
CONTENDERS = Path(__file__).with_name("contenders.py")


@dataclass(frozen=True)
class Race:
    """A step of ours, and against whom; how often it runs in a turn; the only device, if any."""

    what: str
    against: tuple[tuple[str, str], ...]
    times: int
    precision: str = "float32"
    device: str | None = None


def _usual(what: str, times: int, device: str | None = None) -> Race:
    return Race(what, (("naive", what), ("before", what)), times, device=device)


RACES = {
    "iteration": _usual("iteration", 20),
    "iteration, penalty every second step": _usual("default", 20),
    "iteration, auto precision": Race(
        "iteration", (("naive", "iteration"), ("before", "iteration")), 20, "auto"
    ),
    "iteration, compiled": Race(
        "compiled", (("naive", "iteration"), ("before", "iteration")), 20, device="cuda"
    ),
    "critic step": _usual("critic", 30, device="cpu"),
    "generator step": _usual("generator", 30, device="cpu"),
    "fit": _usual("fit", 20),
    "fit, frozen by hand": Race("fit", (("naive", "fit-frozen"),), 20),
    "fit, auto precision": Race("fit", (("naive", "fit"), ("before", "fit")), 20, "auto"),
    "fit at 64 pixels": _usual("reading-64", 5),
    "fit at 128 pixels": _usual("reading-128", 2),
    "fit at 256 pixels": _usual("reading-256", 1),
    "vae step": Race("vae", (("pythae", "vae"), ("before", "vae")), 60),
    "encode one image": Race("encode-one", (("before", "encode-one"),), 300),
    "encode 1,000 images": Race("encode-many", (("before", "encode-many"),), 10),
    "disentanglement": Race("disentanglement", (("before", "disentanglement"),), 1, device="cpu"),
    "invert 16 images, 10 steps": Race("invert", (("before", "invert"),), 3),
}


class Contender:
    """A process that repeats a step when it is told to."""

    def __init__(self, who: str, what: str, path: list[str], precision: str) -> None:
        role = "ours" if who == "before" else who
        self.process = subprocess.Popen(
            [sys.executable, str(CONTENDERS), role, what],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "SSAVL_PRECISION": precision,
                "PYTHONPATH": os.pathsep.join([*path, os.environ.get("PYTHONPATH", "")]),
            },
        )
        self.name = f"{role} {what}"

    def wait(self) -> None:
        """Until it is there."""
        if self._line() != "ready":
            sys.exit(f"{self.name} did not start: run {CONTENDERS.name} {self.name} by hand")

    def seconds(self, times: int) -> float:
        """Of one step, over so many."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{times}\n")
        self.process.stdin.flush()
        return float(self._line())

    def leave(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


def run(name: str, paths: dict[str, list[str]], rounds: int) -> dict[str, dict[str, object]]:
    """One race: a row for each opponent."""
    race = RACES[name]
    # the older checkout and what users write stay in float32: it is what they have
    there = [(who, what) for who, what in race.against if who in paths]
    first = Contender("ours", race.what, paths["ours"], race.precision)
    others = {
        who: Contender(who, what, paths[who], race.precision if who == "before" else "float32")
        for who, what in there
    }
    everyone = {"ours": first, **others}
    for own in everyone.values():  # they start side by side
        own.wait()
    for own in everyone.values():
        own.seconds(max(1, race.times // 4))
    times: dict[str, list[float]] = {who: [] for who in everyone}
    for turn in range(rounds):
        order = list(everyone) if turn % 2 else list(reversed(everyone))
        for who in order:
            times[who].append(everyone[who].seconds(race.times))
    for own in everyone.values():
        own.leave()
    found = {}
    for who in others:
        ratios = [theirs / mine for theirs, mine in zip(times[who], times["ours"], strict=True)]
        low, high = np.quantile(ratios, [0.1, 0.9])
        found[f"{name}: {who}"] = {
            "ratio": round(statistics.median(ratios), 3),
            "low": round(float(low), 3),
            "high": round(float(high), 3),
            "n": rounds,
            "ours_ms": round(1000 * statistics.median(times["ours"]), 3),
            "theirs_ms": round(1000 * statistics.median(times[who]), 3),
        }
    return found


def machine(device: str) -> dict[str, object]:
    """What it ran on."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    known = torch.cpu.get_capabilities()
    own = {} if device == "cpu" else {"gpu": torch.cuda.get_device_name()}
    return own | {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "threads": 1,
        "bf16": bool(known.get("amx_bf16") or known.get("avx512_bf16")),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "date": subprocess.run(["date", "-I"], capture_output=True, text=True).stdout.strip(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(RACES))
    parser.add_argument("--before", type=Path)
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--device", choices=RESULTS, default="cpu")
    arguments = parser.parse_args()
    paths = {"ours": [str(ROOT)], "naive": [str(ROOT / "benchmarks")]}
    for folder, package in ((arguments.before, "ssavl"), (arguments.peer, "pythae")):
        if folder and not (folder / package).is_dir():
            parser.error(f"{folder} has no {package}")
    if arguments.before:
        paths["before"] = [str(arguments.before.resolve())]
    if arguments.peer:
        paths["pythae"] = [str(ROOT / "benchmarks"), str(arguments.peer.resolve())]
    torch.set_num_threads(1)
    device, results = arguments.device, RESULTS[arguments.device]
    os.environ["SSAVL_DEVICE"] = device
    found = json.loads(results.read_text()) if arguments.names and results.exists() else {}
    found["machine"] = {**machine(device), "GFLOP/s": rates(device)}
    usual = [name for name, race in RACES.items() if race.device in (None, device)]
    for name in arguments.names or usual:
        for row, values in run(name, paths, arguments.rounds).items():
            if RACES[name].precision == "float32":
                values |= flops(RACES[name].what, values["ours_ms"], found["machine"]["GFLOP/s"])
            found[row] = values
            print(f"{row:<48} {json.dumps(values)}", flush=True)
        results.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
