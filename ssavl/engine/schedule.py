"""Time: when a term sets in, when a dimension opens, how fast a step is."""

from __future__ import annotations

from ssavl.params.shared import OptimisationParams


def ramp(step: int, start: int, length: int) -> float:
    """Warm-up weight at ``step``: 0 before ``start``, then linear to 1 over ``length`` steps."""
    if step < start:
        return 0.0
    return min(1.0, (step - start + 1) / length) if length > 0 else 1.0


def openings(step: int, count: int, start: int, every: int, length: int) -> list[float]:
    """Shares in [0, 1] of ``count`` dimensions that open one after another.

    The k-th opens by a ramp from ``start + k * every``.
    """
    return [ramp(step, start + k * every, length) for k in range(count)]


def capacity(step: int, low: float, high: float, length: int) -> float:
    """A bound that moves from ``low`` to ``high`` in ``length`` steps; a capacity, say, in nats."""
    return low + (high - low) * ramp(step, 0, length)


def learning_rate(optimisation: OptimisationParams, step: int) -> float:
    """The learning rate of the iteration ``step``, counted from 0.

    Over the last ``decay`` iterations it falls linearly towards 0.
    """
    left = optimisation.iterations - step
    falling = min(1.0, left / optimisation.decay) if optimisation.decay else 1.0
    return optimisation.learning_rate * falling
