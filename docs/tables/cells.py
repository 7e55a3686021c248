"""How a number is written in a table, and a table in Markdown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

Summary = dict[str, Any]  # of `ssavl compare`: mean, std, best, worst, ...


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def number(value: float, places: int) -> str:
    """In plain digits; a share has no zero before its point."""
    text = f"{value:.{places}f}"
    return text.replace("0.", ".", 1) if places > 2 and abs(value) < 1 else text


def spread(own: Summary, places: int) -> str:
    """Mean ± sample deviation, in brackets the worst run."""
    text = f"{number(own['mean'], places)} ± {number(own['std'], places)}"
    return text if own["worst"] is None else f"{text} ({number(own['worst'], places)})"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return [re.sub(r"\|\s+(?=\|)", "| ", f"| {' | '.join(line)} |") for line in lines]
