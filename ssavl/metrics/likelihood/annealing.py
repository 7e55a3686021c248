r"""Bounds on log p(x) by annealed importance sampling, from below and from above.

Between a start q that can be drawn from - the prior, or an encoder's posterior - and the joint
density stands a path (Neal 2001)

.. math:: \log \pi_t(u) = (1 - t) \log q(u) + t \, (\log p(x \mid u) + \log p(u)),
          \qquad 0 = t_0 < \dots < t_T = 1,

u in base space, where every prior is N(0, I), and a category beside it. A chain that starts at a
draw of q and moves by transitions which leave each :math:`\pi_t` as it is has the weight
:math:`w = \prod_i \pi_{t_i}(u_i) / \pi_{t_{i-1}}(u_i)` with :math:`\mathbb E w = p(x)`:
:math:`\log \bar w` bounds log p(x) from below. Run backwards from an exact draw of the posterior,
:math:`\mathbb E\, w^{-1} = p(x)^{-1}`: :math:`-\log \overline{w^{-1}}` bounds it from above
(bidirectional Monte Carlo, Grosse et al. 2015). Whoever draws u from the prior and then x from
p(x | u) holds such a draw: u. Both bounds hold in expectation.

Step sizes, one per temperature and image, and the scale of each direction are found by chains of
their own, which are then thrown away: steps that learn from the chain that they move would break
both bounds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ssavl.generators.protocol import Generator
from ssavl.latents.space import Factorised
from ssavl.metrics.likelihood.bridge import Bridge, Point
from ssavl.metrics.likelihood.transitions import categorical, hamiltonian
from ssavl.objectives.likelihood import Likelihood

Schedule = Literal["sigmoidal", "linear"]

# of the sigmoid at its ends (Wu et al. 2017): the path moves slowly where it leaves the start
STEEPNESS = 4.0
ADAPTATION = 0.2  # of the log step size, per temperature and unit of missed acceptance
SCOUTS = 4  # chains per image that go ahead to find the scale and the step sizes
FIRST_STEP = 0.2  # in units of the metric, where the adaptation begins
LANGEVIN = 0.574  # acceptance at which a transition moves farthest (Roberts & Rosenthal 1998)
HAMILTONIAN = 0.65  # the same of a Hamiltonian one (Neal 2011)


@dataclass(frozen=True)
class Annealing:
    """How to anneal.

    Attributes:
        temperatures: T, steps of the path.
        chains: per image.
        leapfrog: steps of a Hamiltonian transition; 1 is Metropolis-adjusted Langevin.
        schedule: where the temperatures stand.
        category_every: temperatures between Gibbs updates of the categories, K passes through the
            generator each.
    """

    temperatures: int = 1000
    chains: int = 16
    leapfrog: int = 10
    schedule: Schedule = "sigmoidal"
    category_every: int = 5

    @property
    def target(self) -> float:
        """The acceptance that step sizes are adapted to."""
        return LANGEVIN if self.leapfrog == 1 else HAMILTONIAN

    def ladder(self) -> list[float]:
        """The temperatures t_0 = 0 to t_T = 1."""
        even = torch.linspace(0, 1, self.temperatures + 1, dtype=torch.float64)
        if self.schedule == "linear":
            return even.tolist()
        curve = torch.sigmoid(STEEPNESS * (2 * even - 1))
        return ((curve - curve[0]) / (curve[-1] - curve[0])).tolist()


@dataclass(frozen=True)
class Annealed:
    """What came of it, for B images.

    Attributes:
        lower: on log p(x) in nats, ``(B,)``.
        upper: the same from above, where exact draws of the posterior were given.
        acceptance: share of Hamiltonian proposals taken, ``(B,)``.
    """

    lower: Tensor
    upper: Tensor | None
    acceptance: Tensor


def annealed(
    x: Tensor,
    generator: Generator,
    likelihood: Likelihood,
    annealing: Annealing,
    rng: torch.Generator,
    *,
    start: Factorised | None = None,
    exact: Tensor | None = None,
) -> Annealed:
    """Both bounds on the log-likelihood of a batch of B images;
    B times ``chains`` are worked on at once.

    Args:
        x: images ``(B, C, H, W)``.
        generator: frozen; gradients flow through it.
        start: where chains start, an encoder's posterior; blocks that it leaves out, or ``None``,
            start at the prior.
        exact: draws ``(B, D)`` of the exact posterior: the latents that made each x, with x drawn
            from p(x | latents).

    Raises:
        UserError: a generator that passes no gradient.
    """
    scouts, chains = (
        Bridge(x, generator, likelihood, count, rng, start) for count in (SCOUTS, annealing.chains)
    )
    found, _ = _scout(scouts, annealing)
    scouts.precision = chains.precision = scouts.curvature(found)
    _, steps = _scout(scouts, annealing)
    steps = steps.repeat_interleave(annealing.chains, dim=1)
    log_weights, acceptance = _forward(chains, annealing, steps)
    upper = None
    if exact is not None:
        upper = -_log_mean(-_backward(chains, exact, annealing, steps), annealing.chains)
    return Annealed(
        _log_mean(log_weights, annealing.chains),
        upper,
        _per_image(acceptance, annealing.chains).mean(1),
    )


def _scout(path: Bridge, annealing: Annealing) -> tuple[Point, Tensor]:
    """Go ahead: where chains end, and step sizes ``(T, B)`` by temperature (that at the start
    unused) and image.

    Each step size follows from the acceptance at the temperature before.
    """
    ladder = annealing.ladder()
    point = path.begin()
    first = torch.full((len(path.x) // SCOUTS,), FIRST_STEP, device=path.x.device)
    steps = [first, first]  # at t_0, where nothing moves, and at t_1
    for index in range(1, len(ladder) - 1):
        if index % annealing.category_every == 0:
            point = categorical(path, point, ladder[index])
        step = steps[-1].repeat_interleave(SCOUTS)
        point, acceptance = hamiltonian(path, point, ladder[index], step, annealing.leapfrog)
        missed = _per_image(acceptance, SCOUTS).mean(1) - annealing.target
        steps.append(steps[-1] * (ADAPTATION * missed).exp())
    return point, torch.stack(steps[:-1])


def _forward(chains: Bridge, annealing: Annealing, steps: Tensor) -> tuple[Tensor, Tensor]:
    """Log-weights ``(R,)`` of chains from the start to the joint density,
    and their mean acceptance ``(R,)``.
    """
    ladder = annealing.ladder()
    point = chains.begin()
    log_weights = ladder[1] * (point.log_joint - point.log_start).double()
    total = torch.zeros_like(point.log_start)
    for index in range(1, len(ladder) - 1):
        if index % annealing.category_every == 0:
            point = categorical(chains, point, ladder[index])
        point, acceptance = hamiltonian(
            chains, point, ladder[index], steps[index], annealing.leapfrog
        )
        total += acceptance
        log_weights += (ladder[index + 1] - ladder[index]) * (
            point.log_joint - point.log_start
        ).double()
    return log_weights, total / max(1, len(ladder) - 2)


def _backward(chains: Bridge, exact: Tensor, annealing: Annealing, steps: Tensor) -> Tensor:
    """Log-weights ``(R,)``, counted as forwards, of chains that begin at draws of the posterior.

    Each transition is the forward one turned round: the same step size, the category's update last.
    """
    ladder = annealing.ladder()
    point = chains.at(exact)
    log_weights = torch.zeros(len(chains.x), dtype=torch.float64, device=chains.x.device)
    for index in range(len(ladder) - 2, 0, -1):
        log_weights += (ladder[index + 1] - ladder[index]) * (
            point.log_joint - point.log_start
        ).double()
        point, _ = hamiltonian(chains, point, ladder[index], steps[index], annealing.leapfrog)
        if index % annealing.category_every == 0:
            point = categorical(chains, point, ladder[index])
    return log_weights + ladder[1] * (point.log_joint - point.log_start).double()


def _per_image(values: Tensor, chains: int) -> Tensor:
    return values.unflatten(0, (-1, chains))


def _log_mean(log_weights: Tensor, chains: int) -> Tensor:
    return _per_image(log_weights, chains).logsumexp(1) - math.log(chains)
