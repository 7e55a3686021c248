r"""Bounds on log p(x) by annealed importance sampling, from below and from above.

Between a start q that can be drawn from - the prior, or an encoder's posterior - and the joint density stands a path
(Neal 2001)

.. math:: \log \pi_t(u) = (1 - t) \log q(u) + t \, (\log p(x \mid u) + \log p(u)), \qquad 0 = t_0 < \dots < t_T = 1,

u in base space, where every prior is N(0, I), and a category beside it. A chain that starts at a draw of q and moves by
transitions which leave each :math:`\pi_t` as it is has the weight
:math:`w = \prod_i \pi_{t_i}(u_i) / \pi_{t_{i-1}}(u_i)` with :math:`\mathbb E w = p(x)`: :math:`\log \bar w` bounds
log p(x) from below. Run backwards from an exact draw of the posterior, :math:`\mathbb E\, w^{-1} = p(x)^{-1}`:
:math:`-\log \overline{w^{-1}}` bounds it from above (bidirectional Monte Carlo, Grosse et al. 2015). Whoever draws
u from the prior and then x from p(x | u) holds such a draw: u. Both bounds hold in expectation.

Step sizes are found by chains of their own, which are then thrown away: steps that learn from the chain that they move
would break both bounds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ssavl.generators.protocol import Generator
from ssavl.latents import Posterior
from ssavl.metrics.annealed_path import Path, Point
from ssavl.metrics.transitions import categorical, hamiltonian
from ssavl.objectives.likelihood import Likelihood

Schedule = Literal["adaptive", "sigmoidal", "linear"]

STEEPNESS = 4.0  # of the sigmoid at its ends (Wu et al. 2017): the path moves slowly where it leaves the start
ADAPTATION = 0.2  # of the log step size, per temperature and unit of missed acceptance
PILOTS = 4  # chains per image that find the step sizes
WINDOW = 20  # shares of the ladder; a deviation is averaged over one to either side
FIRST_STEP = 0.2  # in units of the path's scale, where the adaptation begins
LANGEVIN, HAMILTONIAN = (
    0.574,
    0.65,
)  # acceptance at which a transition moves farthest (Roberts & Rosenthal 1998; Neal 2011)


@dataclass(frozen=True)
class Annealing:
    """How to anneal.

    Attributes:
        temperatures: T, steps of the path.
        chains: per image.
        leapfrog: steps of a Hamiltonian transition; 1 is Metropolis-adjusted Langevin.
        schedule: where the temperatures stand; ``adaptive`` is equally far apart for each image, by the deviation of
            the log-weights' increments in chains that find the steps.
        category_every: temperatures between Gibbs updates of the categories, K passes through the generator each.
    """

    temperatures: int = 1000
    chains: int = 16
    leapfrog: int = 10
    schedule: Schedule = "adaptive"
    category_every: int = 5

    @property
    def target(self) -> float:
        """The acceptance that step sizes are adapted to."""
        return LANGEVIN if self.leapfrog == 1 else HAMILTONIAN

    def ladder(self) -> Tensor:
        """The temperatures t_0 = 0 to t_T = 1 ``(T + 1,)``; ``adaptive`` sets out from the sigmoidal ones."""
        even = torch.linspace(0, 1, self.temperatures + 1, dtype=torch.float64)
        if self.schedule == "linear":
            return even
        curve = torch.sigmoid(STEEPNESS * (2 * even - 1))
        return (curve - curve[0]) / (curve[-1] - curve[0])


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
    start: Posterior | None = None,
    exact: Tensor | None = None,
) -> Annealed:
    """Both bounds on the log-likelihood of a batch of B images; B times ``chains`` are worked on at once.

    Args:
        x: images ``(B, C, H, W)``.
        generator: frozen; gradients flow through it.
        start: where chains start, an encoder's posterior; blocks that it leaves out, or ``None``, start at the prior.
        exact: draws ``(B, D)`` of the exact posterior: the latents that made each x, with x drawn from p(x | latents).

    Raises:
        UserError: a generator that passes no gradient.
    """
    start_ladder = annealing.ladder().to(x.device, x.dtype)[:, None].expand(-1, len(x))
    pilots, chains = (Path(x, generator, likelihood, count, rng, start) for count in (PILOTS, annealing.chains))
    scout = _Scout(pilots, annealing)
    found = scout.walk(start_ladder)
    pilots.precision = chains.precision = pilots.curvature(found)
    scout.walk(start_ladder)
    ladder = scout.equidistant() if annealing.schedule == "adaptive" else start_ladder
    steps = scout.steps_at(ladder)
    log_weights, acceptance = _forward(chains, ladder, steps, annealing)
    upper = None
    if exact is not None:
        upper = -_log_mean(-_backward(chains, exact, ladder, steps, annealing), annealing.chains)
    return Annealed(_log_mean(log_weights, annealing.chains), upper, _per_image(acceptance, annealing.chains).mean(1))


class _Scout:
    """Chains that go ahead along a ladder and find step sizes, and how fast the density changes on the way."""

    def __init__(self, path: Path, annealing: Annealing) -> None:
        self.path, self.annealing = path, annealing

    def walk(self, ladder: Tensor) -> Point:
        """Along the temperatures ``(T + 1, B)``; each step size follows from the acceptance at the one before.

        Returns:
            Where the chains end.
        """
        path, annealing = self.path, self.annealing
        point = path.begin()
        step = torch.full(ladder.shape[1:], FIRST_STEP, device=ladder.device)
        steps, spreads = [step], [_spread(point)]
        for index in range(1, len(ladder) - 1):
            t = ladder[index].repeat_interleave(PILOTS)
            if index % annealing.category_every == 0:
                point = categorical(path, point, t)
            point, acceptance = hamiltonian(path, point, t, step.repeat_interleave(PILOTS), annealing.leapfrog)
            step = step * (ADAPTATION * (_per_image(acceptance, PILOTS).mean(1) - annealing.target)).exp()
            steps.append(step)
            spreads.append(_spread(point))
        self.ladder, self.steps, self.spreads = ladder, torch.stack(steps), torch.stack(spreads)
        return point

    def equidistant(self) -> Tensor:
        """As many temperatures ``(T + 1, B)``, between any two of which log-weights vary as much."""
        around = max(1, len(self.spreads) // WINDOW)
        # A variance from few chains is rough: averaged over the neighbouring temperatures, in logarithms.
        padded = torch.cat([self.spreads[:1].expand(around, -1), self.spreads, self.spreads[-1:].expand(around, -1)])
        smooth = padded.log().unfold(0, 2 * around + 1, 1).mean(-1).exp()
        lengths = smooth * self.ladder.diff(dim=0)
        travelled = torch.cat([torch.zeros_like(lengths[:1]), lengths.cumsum(0)])
        wanted = travelled[-1] * torch.linspace(0, 1, len(self.ladder), device=lengths.device)[:, None]
        ladder = _interpolate(wanted, travelled, self.ladder)
        ladder[0], ladder[-1] = 0.0, 1.0
        return ladder

    def steps_at(self, ladder: Tensor) -> Tensor:
        """Step sizes ``(T, B)`` at temperatures; that at the start is not used."""
        return _interpolate(ladder[:-1], self.ladder[:-1], self.steps.log()).exp()


def _spread(point: Point) -> Tensor:
    """Deviation ``(B,)`` between chains of a log-weight's growth with the temperature."""
    return _per_image(point.log_joint - point.log_start, PILOTS).std(1) + torch.finfo(torch.float32).eps


def _interpolate(at: Tensor, knots: Tensor, values: Tensor) -> Tensor:
    """Column by column, the piecewise linear function through knots (rising) and values, at other places."""
    right = torch.searchsorted(knots.T.contiguous(), at.T.contiguous()).T.clamp(1, len(knots) - 1)
    low, high = knots.gather(0, right - 1), knots.gather(0, right)
    share = ((at - low) / (high - low).clamp(min=torch.finfo(torch.float32).tiny)).clamp(0, 1)
    return torch.lerp(values.gather(0, right - 1), values.gather(0, right), share)


def _forward(chains: Path, ladder: Tensor, steps: Tensor, annealing: Annealing) -> tuple[Tensor, Tensor]:
    """Log-weights ``(R,)`` of chains from the start to the joint density, and their mean acceptance ``(R,)``."""
    t, step = (values.repeat_interleave(annealing.chains, dim=1) for values in (ladder, steps))
    point = chains.begin()
    log_weights = t[1] * (point.log_joint - point.log_start).double()
    total = torch.zeros_like(point.log_start)
    for index in range(1, len(t) - 1):
        if index % annealing.category_every == 0:
            point = categorical(chains, point, t[index])
        point, acceptance = hamiltonian(chains, point, t[index], step[index], annealing.leapfrog)
        total += acceptance
        log_weights += (t[index + 1] - t[index]) * (point.log_joint - point.log_start).double()
    return log_weights, total / max(1, len(t) - 2)


def _backward(chains: Path, exact: Tensor, ladder: Tensor, steps: Tensor, annealing: Annealing) -> Tensor:
    """Log-weights ``(R,)``, counted as forwards, of chains that begin at draws of the posterior.

    Each transition is the forward one turned round: the same step size, the category's update last.
    """
    t, step = (values.repeat_interleave(annealing.chains, dim=1) for values in (ladder, steps))
    point = chains.at(exact)
    log_weights = torch.zeros(len(chains.x), dtype=torch.float64, device=t.device)
    for index in range(len(t) - 2, 0, -1):
        log_weights += (t[index + 1] - t[index]) * (point.log_joint - point.log_start).double()
        point, _ = hamiltonian(chains, point, t[index], step[index], annealing.leapfrog)
        if index % annealing.category_every == 0:
            point = categorical(chains, point, t[index])
    return log_weights + t[1] * (point.log_joint - point.log_start).double()


def _per_image(values: Tensor, chains: int) -> Tensor:
    return values.unflatten(0, (-1, chains))


def _log_mean(log_weights: Tensor, chains: int) -> Tensor:
    return _per_image(log_weights, chains).logsumexp(1) - math.log(chains)
