"""Figures into files."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.text import Text

from ssavl.storage.files import atomic


def save_figure(path: Path, figure: Figure) -> None:
    """Write a PNG atomically; equal figures give equal bytes.

    Texts are shown as they are: a ``$`` in the name of a file or of a run is no formula.
    """
    for text in figure.findobj(Text):
        text.set_parse_math(False)
    with atomic(path) as file:
        figure.savefig(file, format="png", metadata={"Software": None})
