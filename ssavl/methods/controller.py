r"""A proportional-integral controller of the weight of a divergence (Shao et al. 2020).

.. math:: \beta(t) = P + I + \beta_{min}, \qquad P = \frac{K_p}{1 + e^{e(t)}}, \qquad
          I(t) = I(t - 1) - K_i\, e(t), \qquad e(t) = v^* - KL(t)

:math:`v^*` is the divergence that is wanted, in nats. Where :math:`\beta` would leave its range,
the integral becomes what holds it at the border: else it would have to be wound back first. (The
published code of the images' variant tests for "below 0 and above 1", which never holds.)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssavl.engine.memory import Memory


@dataclass(frozen=True)
class Controller:
    """Its gains and its range; what it remembers is a module of the method.

    Attributes:
        target: v*, in nats.
        proportional, integral: K_p and K_i.
        lowest, highest: of the weight.
    """

    target: float
    proportional: float
    integral: float
    lowest: float
    highest: float

    @staticmethod
    def memory() -> Memory:
        """Where it begins."""
        return Memory(integral=torch.zeros(()))

    def weigh(self, divergence: Tensor, memory: Memory) -> Tensor:
        """The next weight, a scalar without a gradient; the memory moves on.

        Args:
            divergence: at present, in nats, a scalar.
        """
        error = self.target - divergence.detach().float()
        proportional = self.proportional * torch.sigmoid(-error)
        integral = memory.integral - self.integral * error
        free = proportional + integral + self.lowest
        weight = free.clamp(self.lowest, self.highest)
        held = weight - proportional - self.lowest
        memory.integral = torch.where(free == weight, integral, held)
        return weight
