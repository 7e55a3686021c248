r"""Random transformations under which a category must stay what it is.

Section 3.2 of Ye & Bors 2024 calls {c, d} invariant representations; seeing generated images only through random
rotation, scale, shear, shift and pixel noise makes the mutual information of Eq. 24 mean it: a category written into
fine texture does not survive. Every transformation is differentiable in the image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Invariances:
    """How far each random transformation goes; all zero is the identity.

    Attributes:
        rotation: degrees, uniform in plus or minus.
        scale: relative, uniform in 1 plus or minus.
        shear: relative, uniform in plus or minus.
        shift: fraction of the side, uniform in plus or minus.
        noise: standard deviation of Gaussian pixel noise, in units of [0, 1].
    """

    rotation: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    shift: float = 0.0
    noise: float = 0.0

    def __call__(self, x: Tensor, rng: torch.Generator) -> Tensor:
        """Images ``(B, C, H, W)`` in [0, 1], each transformed by its own draw; noise may leave [0, 1]."""
        if self.rotation or self.scale or self.shear or self.shift:
            grid = F.affine_grid(self._affine(len(x), rng).to(x.dtype), list(x.shape), align_corners=False)
            x = F.grid_sample(x, grid, padding_mode="border", align_corners=False)
        if self.noise:
            x = x + self.noise * torch.randn(x.shape, generator=rng, device=x.device, dtype=x.dtype)
        return x

    def _affine(self, n: int, rng: torch.Generator) -> Tensor:
        """Inverse maps ``(n, 2, 3)`` from output to input coordinates in [-1, 1]."""
        draw = 2 * torch.rand(5, n, generator=rng, device=rng.device) - 1
        angle = draw[0] * math.radians(self.rotation)
        scale = 1 + draw[1] * self.scale
        shear = draw[2] * self.shear
        cos, sin = angle.cos() / scale, angle.sin() / scale
        rows = (cos, cos * shear - sin, 2 * self.shift * draw[3], sin, sin * shear + cos, 2 * self.shift * draw[4])
        return torch.stack(rows, dim=-1).view(n, 2, 3)
