r"""Random transformations under which a category must stay what it is.

Section 3.2 of Ye & Bors 2024 calls {c, d} invariant representations; seeing generated images only
through random transformations (affine and smooth warps, mirror images, grey levels, pixel noise)
makes the mutual information of Eq. 24 mean it: a category written into fine texture does not
survive. Every one is differentiable in the image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from ssavl.params.shared import InvarianceParams

_WARP_GRID = (4, 4)
_DARKEST = 1e-3  # of 1: below, a power has no useful gradient


@dataclass(frozen=True)
class Invariances:
    """How far each random transformation goes; all zero is the identity.

    Attributes:
        rotation: degrees, uniform in plus or minus.
        scale: relative, uniform in 1 plus or minus.
        shear: relative, uniform in plus or minus.
        shift: fraction of the side, uniform in plus or minus.
        warp: standard deviation of a smooth random displacement, in half sides; a grid of 4 x 4
            draws, interpolated.
        flip: whether left and right are exchanged in half of the images.
        contrast: relative, the factor on grey levels is uniform in 1 plus or minus.
        gamma: grey levels are raised to exp(u), u uniform in plus or minus.
        noise: standard deviation of Gaussian pixel noise, in units of [0, 1].
    """

    rotation: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    shift: float = 0.0
    warp: float = 0.0
    flip: bool = False
    contrast: float = 0.0
    gamma: float = 0.0
    noise: float = 0.0

    @classmethod
    def of(cls, params: InvarianceParams) -> Invariances:
        """Those that the parameters name."""
        return cls(**{field.name: getattr(params, field.name) for field in fields(cls)})

    def __call__(self, x: Tensor, rng: torch.Generator) -> Tensor:
        """Images ``(B, C, H, W)`` in [0, 1], each transformed by its own draw;
        noise may leave [0, 1].
        """
        n = len(x)
        if self.rotation or self.scale or self.shear or self.shift or self.warp:
            grid = _affine_grid(self._affine(n, rng).to(x.dtype), *x.shape[-2:])
            if self.warp:
                field = self.warp * torch.randn(
                    n, 2, *_WARP_GRID, generator=rng, device=rng.device, dtype=x.dtype
                )
                grid = grid + _smooth(field, *x.shape[-2:]).permute(0, 2, 3, 1)
            x = F.grid_sample(x, grid, padding_mode="border", align_corners=False)
        if self.flip:
            x = torch.where(_uniform(n, rng) < 0, x.flip(-1), x)
        if self.contrast:
            x = x * (1 + self.contrast * _uniform(n, rng))
        if self.gamma:
            x = x.clamp(_DARKEST, 1) ** (self.gamma * _uniform(n, rng)).exp()
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
        rows = (
            cos,
            cos * shear - sin,
            2 * self.shift * draw[3],
            sin,
            sin * shear + cos,
            2 * self.shift * draw[4],
        )
        return torch.stack(rows, dim=-1).view(n, 2, 3)


def _affine_grid(maps: Tensor, height: int, width: int) -> Tensor:
    """Where each pixel is taken from, ``(n, H, W, 2)``, by maps ``(n, 2, 3)``.

    It is ``F.affine_grid`` without its product of matrices of three columns, which costs a CPU more
    than to sample the images.
    """
    x, y = (_centres(size, maps).view(1, -1, 1) for size in (width, height))
    of_x, of_y, shift = maps.unsqueeze(1).unbind(-1)
    return (of_x * x).unsqueeze(1) + (of_y * y + shift).unsqueeze(2)


def _smooth(field: Tensor, height: int, width: int) -> Tensor:
    """A field ``(n, 2, h, w)`` at every pixel, ``(n, 2, H, W)``, interpolated bicubically.

    That is linear in the field and along each axis by itself, so a matrix for each axis is all.
    """
    rows, columns = (
        _bicubic(size, points, field.dtype, field.device)
        for size, points in zip((height, width), field.shape[-2:], strict=True)
    )
    with torch.autocast(field.device.type, enabled=False):  # eight bits are too few for a place
        return rows @ field @ columns.T


@cache
def _bicubic(size: int, points: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """What each pixel takes of each point, ``(size, points)``."""
    unit = torch.eye(points, dtype=dtype, device=device)[:, None, None, :]
    return F.interpolate(unit, (1, size), mode="bicubic", align_corners=True)[:, 0, 0].T


def _centres(size: int, like: Tensor) -> Tensor:
    """Of so many pixels on the side from -1 to 1."""
    pixels = torch.arange(size, dtype=like.dtype, device=like.device)
    return (2 * pixels + 1) / size - 1


def _uniform(n: int, rng: torch.Generator) -> Tensor:
    """One draw from (-1, 1) per image, ``(n, 1, 1, 1)``."""
    return 2 * torch.rand(n, 1, 1, 1, generator=rng, device=rng.device) - 1
