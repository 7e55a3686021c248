"""Figures and animations into files."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.text import Text
from torch import Tensor

from ssavl.figures.animation import animation
from ssavl.storage.files import atomic, write_bytes


def save_figure(path: Path, figure: Figure) -> None:
    """Write a PNG atomically; equal figures give equal bytes.

    Texts are shown as they are: a ``$`` in the name of a file or of a run is no formula.
    """
    for text in figure.findobj(Text):
        text.set_parse_math(False)
    with atomic(path) as file:
        figure.savefig(file, format="png", metadata={"Software": None})


def save_drawing(folder: Path, stem: str, drawing: Figure | list[Tensor]) -> Path:
    """Write a figure as PNG, or the ``(R, N, C, H, W)`` frames of an animation as a GIF that goes
    there and back; its path.
    """
    if isinstance(drawing, Figure):
        path = folder / f"{stem}.png"
        save_figure(path, drawing)
    else:
        path = folder / f"{stem}.gif"
        write_bytes(path, animation(drawing + drawing[-2:0:-1]))
    return path
