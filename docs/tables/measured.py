"""Tables of what ``benchmarks/`` measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cells import read, table

TARGETS = {"held-out samples": "held-out samples", "real test images": "real test images"}


def exactness(root: Path) -> list[str]:
    """``exactness.py``: fitted posteriors against exact ones."""
    rows = []
    for objective, own in read(root / "benchmarks/exactness.json").items():
        ratios = ", ".join(f"{ratio:.4f}" for ratio in own["variance ratio"])
        share, distance = own["levels within the band"], own["coverage error"]
        rows.append(
            [
                f"`{objective}`",
                f"{100 * own['mean error']:.1f} %",
                ratios,
                f"{share:.2f} (mean distance {distance:.4f})",
            ]
        )
    return table(["objective", "error of the mean", "fitted over exact variance", "coverage"], rows)


def objectives(root: Path) -> list[str]:
    """``objectives.py``: one objective against another."""
    own = read(root / "benchmarks/objectives.json")
    rows = []
    for name in next(iter(own.values())):
        cells = (f"{v[name]['mean']:.4g} ± {v[name]['std']:.2g}" for v in own.values())
        rows.append([name, *cells])
    return table(["", *(f"`{objective}`" for objective in own)], rows)


def _measured(root: Path, name: str) -> list[dict[str, Any]]:
    found = read(root / f"benchmarks/inversion-{name}.json")["measured"]
    return [own for own in found if own["target"] in TARGETS]


def _way(own: dict[str, Any]) -> str:
    return f"{own['target']}, {'one at a time' if own['batch'] == 1 else 'batches'}"


def _ratios(name: str) -> Callable[[Path], list[str]]:
    def made(root: Path) -> list[str]:
        """The error with the encoder over the error without, by the budget of time."""
        found = _measured(root, name)
        ratios = [own["summary"]["error ratio by budget"] for own in found]
        budgets = list(dict.fromkeys(budget for own in ratios for budget in own))
        rows = []
        for own, by_budget in zip(found, ratios, strict=True):
            cells = (f"{by_budget[b]:.2f}" if b in by_budget else "" for b in budgets)
            rows.append([_way(own), *cells])
        head = ["CPU seconds per image", *(f"{float(b):g}".removeprefix("0") for b in budgets)]
        return table(head, rows)

    return made


def alone(root: Path) -> list[str]:
    """How long optimisation alone takes to come to the encoder's error."""
    rows = []
    for one in _measured(root, "digits-alone"):
        own = one["summary"]
        seconds = (own[f"{name}_seconds"] for name in ("optimisation", "encoder", "exported"))
        optimisation, encoder, exported = (f"{1000 * value:.3g} ms" for value in seconds)
        times, exported_times = own["speed-up"], own["exported speed-up"]
        error = f"{own['encoder_error']:.2f}"
        rows.append(
            [_way(one), error, optimisation, encoder, f"{times:.0f}"]
            + [exported, f"{exported_times:.0f}"]
        )
    head = ["", "error", "optimisation alone", "encoder", "times", "exported", "times"]
    return table(head, rows)


def encode(root: Path) -> list[str]:
    """``encode.py``: many images against few."""
    own = read(root / "benchmarks/encode.json")
    rows = []
    for name in ("npz", "csv", "parquet"):
        ratio, rate = own[name]["memory ratio"], own[name]["images per second"]
        rows.append([f"`.{name}`", f"{ratio:.3f}", f"{rate:.0f}"])
    return table(["", "peak memory, 100,000 over 1,000", "images per second"], rows)


TABLES: dict[str, Callable[[Path], list[str]]] = {
    "exactness": exactness,
    "objectives": objectives,
    "inversion-digits": _ratios("digits"),
    "inversion-digits-alone": alone,
    "inversion-dcgan64": _ratios("dcgan64"),
    "encode": encode,
}
