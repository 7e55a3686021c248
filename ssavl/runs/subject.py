"""What encoders are fitted to, and by what."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial

import torch
from torch import Tensor

from ssavl.generators.protocol import Generator
from ssavl.generators.recomputed import Recomputed
from ssavl.methods.shared import Transform
from ssavl.networks.folding import folded
from ssavl.networks.generator import GeneratorNetwork
from ssavl.objectives.invariances import Invariances
from ssavl.objectives.likelihood import Likelihood
from ssavl.params.shared import InvarianceParams
from ssavl.params.stages import FitEncodersParams, RetrainRParams


@dataclass(frozen=True)
class Subject:
    """What encoders are fitted to, and by what.

    Attributes:
        generator: frozen, on the device.
        likelihood: the observation model of the bounds.
        beta: weight of every KL.
        rng: what latents and transformations are drawn from.
    """

    generator: GeneratorNetwork
    likelihood: Likelihood
    beta: float
    rng: torch.Generator

    @cached_property
    def still(self) -> GeneratorNetwork:
        """The generator as losses call it: the same function, with less to compute."""
        return folded(self.generator)

    def through(self, fit: FitEncodersParams | RetrainRParams) -> Generator:
        """The generator as bounds go through it."""
        return Recomputed(self.still) if fit.recompute else self.still

    def latents(self, n: int) -> Tensor:
        """``(n, D)`` draws from the prior."""
        return self.generator.draw(n, self.rng)

    @torch.no_grad()
    def made(self, n: int) -> tuple[Tensor, Tensor]:
        """``n`` images of the generator, and the latents ``(n, D)`` that made them."""
        drawn = self.latents(n)
        return self.still(drawn), drawn

    def transform(self, params: InvarianceParams) -> Transform | None:
        """Random transformations, back into [0, 1]; ``None`` where the parameters name none."""
        if params == InvarianceParams():
            return None
        return partial(_transformed, Invariances.of(params), self.rng)


def _transformed(invariances: Invariances, rng: torch.Generator, x: Tensor) -> Tensor:
    return invariances(x, rng).clamp(0, 1)
