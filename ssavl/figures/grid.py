"""Grids of images, with a label for each row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

GAP = 2  # pixels between images
CELL = 0.55  # inches per image


def mosaic(images: Tensor) -> NDArray[np.uint8]:
    """Images ``(R, N, C, H, W)`` in [0, 1] as one uint8 picture ``(height, width, 3)`` on white,
    R rows of N.
    """
    rows, columns, _, height, width = images.shape
    canvas = torch.ones(rows, columns, 3, height + GAP, width + GAP)
    canvas[..., :height, :width] = (
        images.detach().float().cpu().clamp(0, 1).expand(-1, -1, 3, -1, -1)
    )
    picture = canvas.permute(0, 3, 1, 4, 2).reshape(
        rows * (height + GAP), columns * (width + GAP), 3
    )
    return (picture[:-GAP, :-GAP] * 255).round().byte().numpy()


def image_grid(
    images: Tensor, title: str, row_labels: Sequence[str] = (), x_label: str = ""
) -> Figure:
    """A figure of ``(R, N, C, H, W)`` images in [0, 1], row by row.

    Args:
        row_labels: R texts at the left, or none.
        x_label: what changes along a row.
    """
    rows, columns = images.shape[:2]
    margin = 0.09 * max((len(label) for label in row_labels), default=0) + 0.15
    size = (columns * CELL + margin + 0.1, rows * CELL + 0.75)
    figure = Figure(figsize=size, dpi=120)
    bounds = (margin / size[0], 0.35 / size[1], columns * CELL / size[0], rows * CELL / size[1])
    axes = figure.add_axes(bounds)
    axes.imshow(mosaic(images), interpolation="nearest", aspect="auto")
    step = images.shape[3] + GAP
    centres = [(row + 0.5) * step - GAP for row in range(rows)]
    axes.set_yticks(centres if row_labels else [], list(row_labels), fontsize=8)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.set_xlabel(x_label, fontsize=8)
    axes.spines[:].set_visible(False)
    figure.suptitle(title, fontsize=9, y=1 - 0.12 / size[1], va="top")
    return figure
