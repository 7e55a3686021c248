"""What a method's own paper is known for, measured small, beside a natural baseline."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Signature:
    """One measurement, by one seed.

    Attributes:
        method, baseline: names; the baseline's is of another method, or of what is known exactly.
        claim: of the method's paper, in a line that says what reaching it means.
        figures: numbers by name, those of the baseline too; the claim names them.
        reached: whether these figures bear the claim out.
    """

    method: str
    baseline: str
    claim: str
    figures: Mapping[str, float]
    reached: bool

    def write(self, path: Path, seed: int) -> None:
        """As JSON, with the seed."""
        figures = {name: float(value) for name, value in self.figures.items()}
        content = {**asdict(self), "figures": figures, "reached": bool(self.reached), "seed": seed}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=2) + "\n")


Measure = Callable[[int], Signature]  # of a seed
