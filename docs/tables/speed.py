"""Tables of what ``benchmarks/speed.py``, ``whole.py`` and ``scaling.py`` measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cells import read, table

AGAINST = {"naive": "as users write it", "before": "ssavl before", "pythae": "pythae 0.1.2"}
UNITS = {
    "images": "`encode` of so many images (s)",
    "pixels": "an iteration of `fit-encoders`, by the side of the images (ms)",
    "latents": "the same, by the size of the latents (ms)",
    "batch": "the same, by images per update (ms)",
}


def _results(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = read(root / "benchmarks/results.json")
    return found


def races(root: Path) -> list[str]:
    """One step against another."""
    return _races(_results(root))


def races_on_a_gpu(root: Path) -> list[str]:
    """The same on a GPU."""
    return _races(read(root / "benchmarks/results-cuda.json"))


def _races(found: dict[str, Any]) -> list[str]:
    rows = []
    for name, own in found.items():
        step, _, against = name.rpartition(": ")
        if against not in AGAINST:
            continue
        peak = f"{100 * own['peak']:.0f} %" if "peak" in own else ""
        spread = f"{own['ratio']:.2f} ({own['low']:.2f} to {own['high']:.2f})"
        rows.append(
            [step, AGAINST[against], f"{own['ours_ms']:.3g}", f"{own['theirs_ms']:.3g}"]
            + [spread, peak]
        )
    head = ["step", "against", "ssavl, ms", "the other, ms", "times as fast", "of the peak"]
    return table(head, rows)


def starts(root: Path) -> list[str]:
    """Start-up against python's own."""
    rows = []
    for name, own in _results(root).items():
        step, _, against = name.rpartition(": ")
        if against == "python":
            spread = f"{own['ratio']:.1f} ({own['low']:.1f} to {own['high']:.1f})"
            rows.append([step.removeprefix("start: "), f"{own['ours_ms']:.0f}", spread])
    return table(["", "ms", "times python's own start"], rows)


def growth(root: Path) -> list[str]:
    """Cost against size."""
    rows = []
    for axis, own in read(root / "benchmarks/scaling.json").items():
        scale = 1 if axis == "images" else 1000
        sizes = " / ".join(f"{row['size']:,}" for row in own["rows"])
        costs = " / ".join(f"{scale * row['seconds']:.3g}" for row in own["rows"])
        memory = " / ".join(f"{row['MiB']:.0f}" for row in own["rows"])
        rows.append([UNITS[axis], sizes, costs, f"{own['exponent']:.2f}", memory])
    return table(["", "sizes", "cost", "exponent", "peak memory, MiB"], rows)


TABLES: dict[str, Callable[[Path], list[str]]] = {
    "races": races,
    "races-on-a-gpu": races_on_a_gpu,
    "starts": starts,
    "growth": growth,
}
