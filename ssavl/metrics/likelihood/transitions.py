r"""Transitions that leave a density of an annealed path as it is.

``hamiltonian`` moves what is continuous (Neal 2011), in units of the path's metric; with one
leapfrog step it is the Metropolis-adjusted Langevin algorithm. ``categorical`` draws each category
from its exact conditional given the rest (Gibbs), which takes a pass through the generator for each
of the K values.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ssavl.metrics.likelihood.bridge import Bridge, Point

# share by which a step size varies at random: equal steps can come back to where they started
JITTER = 0.2


def hamiltonian(
    path: Bridge, point: Point, t: float, step: Tensor, leapfrog: int
) -> tuple[Point, Tensor]:
    """Propose along ``leapfrog`` steps, accept or stay.

    Args:
        step: sizes ``(R,)`` in units of the path's metric.

    Returns:
        The points, and the probabilities ``(R,)`` with which the proposals were accepted.
    """
    shape, device = point.u.shape, point.u.device
    jitter = 1 + JITTER * (2 * torch.rand(shape[0], generator=path.rng, device=device) - 1)
    step = (step * jitter)[:, None]
    metric = path.metric(t)

    def along(vectors: Tensor, matrices: Tensor) -> Tensor:
        return (vectors.unflatten(0, (-1, path.chains)) @ matrices).flatten(0, 1)

    velocity = torch.randn(shape, generator=path.rng, device=device)
    before = point.log_density(t) - 0.5 * velocity.square().sum(1)
    proposal = point
    velocity = velocity + 0.5 * step * along(proposal.slope(t), metric)
    for index in range(leapfrog):
        proposal = path.point(proposal.u + step * along(velocity, metric.mT), point.categories)
        share = 0.5 if index == leapfrog - 1 else 1.0  # half, as at the start
        velocity = velocity + share * step * along(proposal.slope(t), metric)
    after = proposal.log_density(t) - 0.5 * velocity.square().sum(1)
    # A path that left the numbers behind is a rejection: no density there.
    log_ratio = (after - before).nan_to_num(nan=-torch.inf).clamp(max=0)
    accepted = torch.rand(shape[0], generator=path.rng, device=device).log() < log_ratio
    return point.replaced(accepted, proposal), log_ratio.exp()


def categorical(path: Bridge, point: Point, t: float) -> Point:
    """Draw each category in turn given all else; without categories the point itself."""
    if not path.categorical:
        return point
    categories = dict(point.categories)
    for block in path.categorical:
        columns = []
        for value in range(block.dim):
            tried = {**categories, block.name: torch.full_like(categories[block.name], value)}
            log_density = (1 - t) * path.log_start(point.u, tried) + t * path.log_joint(
                point.u, tried
            )
            columns.append(log_density)
        conditional = torch.stack(columns, 1).softmax(1)
        categories[block.name] = torch.multinomial(conditional, 1, generator=path.rng)[:, 0]
    return path.point(point.u, categories)
