"""Fully connected layers, by the fastest matrix product that this machine's PyTorch has.

PyTorch multiplies float32 matrices on a CPU by MKL, which runs at half the speed of its convolution
library, oneDNN, on a processor that is not Intel's (measured: 100 against 210 GFLOP/s; the numbers
are the same to the last bits). oneDNN's product is there too, under a name that compiled programs
use. Where it is not, or for what is small, MKL's does.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn

from ssavl.networks.bilinear import Bilinear, back, forth, plain

SMALL = 2**22  # multiplications, from which on oneDNN's product pays for its call


class Dense(Bilinear):
    """The product of vectors ``(B, I)`` and weights ``(O, I)``, ``(B, O)``, as three maps."""

    def forth(self, x: Tensor, w: Tensor, bias: Tensor | None = None) -> Tensor:
        return _product(x, w, bias)

    def back(self, y: Tensor, w: Tensor) -> Tensor:
        return _product(y, w.t())

    def outer(self, x: Tensor, y: Tensor) -> Tensor:
        return _product(y.t(), x.t())


DENSE = Dense()


class Linear(nn.Linear):
    """Vectors ``(B, I)`` to vectors ``(B, O)``."""

    def forward(self, x: Tensor) -> Tensor:
        if not _worthwhile(x, self.weight):
            return super().forward(x)
        return forth(DENSE, x, self.weight, self.bias)

    def pulled_back(self, y: Tensor) -> Tensor:
        """The transpose of its linear part, from ``(B, O)`` to ``(B, I)``."""
        return back(DENSE, y, self.weight) if _worthwhile(y, self.weight) else y @ self.weight


def _product(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """``a @ b.T + bias`` of matrices."""
    return torch.ops.mkldnn._linear_pointwise(a, b, bias, "none", [], "")


def _worthwhile(x: Tensor, w: Tensor) -> bool:
    if plain() or x.ndim != 2 or x.device.type != "cpu" or len(x) * w.numel() < SMALL:
        return False
    exact = x.dtype == w.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    return exact and _available() and bool(torch.backends.mkldnn.enabled)


@cache
def _available() -> bool:
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")
