r"""The radius that a direction has under a Gaussian.

Of :math:`u = r s \sim N(\mu, \operatorname{diag} \sigma^2)` with s on the unit sphere of d
dimensions,

.. math:: p(r \mid s) \propto r^{d - 1} \exp(- a r^2 / 2 + b r), \qquad
          a = \sum_i s_i^2 / \sigma_i^2, \quad b = \sum_i s_i \mu_i / \sigma_i^2.
"""

from __future__ import annotations

import torch
from torch import Tensor

POINTS = 512  # of the density's grid
DEVIATIONS = 9.0  # of the grid, to either side of the mode


def with_radius(points: Tensor, mean: Tensor, deviation: Tensor, rng: torch.Generator) -> Tensor:
    """Points ``(B, d)`` moved along their rays from 0 to a radius drawn from p(r | direction).

    Args:
        mean, deviation: of the Gaussian, ``(B, d)``.
        rng: on the device of the points.
    """
    dim = points.shape[1]
    direction = torch.nn.functional.normalize(points.double(), dim=1)
    precision = deviation.double().square().reciprocal()
    a = (direction.square() * precision).sum(1, keepdim=True)
    b = (direction * mean * precision).sum(1, keepdim=True)
    mode = (b + (b.square() + 4 * a * (dim - 1)).sqrt()) / (2 * a)
    curvature = a + (dim - 1) / mode.clamp(min=1e-12).square()
    # the density falls at least as fast as a Gaussian of precision a, away from 0
    reach = DEVIATIONS * torch.maximum(curvature.rsqrt(), a.rsqrt())
    low = (mode - reach).clamp(min=0)
    steps = torch.linspace(0, 1, POINTS, dtype=torch.float64, device=points.device)
    r = low + (mode + reach - low) * steps
    log_density = torch.special.xlogy(torch.full_like(r, dim - 1), r) - a * r.square() / 2 + b * r
    mass = (log_density - log_density.amax(1, keepdim=True)).exp()
    between = (mass[:, 1:] + mass[:, :-1]) / 2
    reached = torch.cat([torch.zeros_like(a), between.cumsum(1)], 1)
    wanted = torch.rand(a.shape, generator=rng, device=rng.device).double() * reached[:, -1:]
    place = torch.searchsorted(reached, wanted, right=True).clamp(1, POINTS - 1)
    before = reached.gather(1, place - 1)
    share = (wanted - before) / (reached.gather(1, place) - before).clamp(min=1e-300)
    start = r.gather(1, place - 1)
    radius = start + share * (r.gather(1, place) - start)
    return (radius * direction).to(points.dtype)
