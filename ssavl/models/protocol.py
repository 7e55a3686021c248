"""What models can do."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Clusterer(Protocol):
    """Images to a category."""

    def probabilities(self, x: Tensor, /) -> Tensor:
        """Probabilities ``(B, K)`` of images ``(B, C, H, W)`` in [0, 1]."""
        ...
