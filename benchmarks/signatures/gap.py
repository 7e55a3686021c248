"""Two Gaussians in the plane, whose distance is known, and what trained critics say of it: each
learns by the objective of its method while "real" and "generated" points stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from train import play

from ssavl.engine.act import Act
from ssavl.engine.optimiser import Optimiser
from ssavl.engine.phase import Phase
from ssavl.methods.shared import Terms
from ssavl.networks.perceptron import LatentCritic
from ssavl.params.shared import OptimisationParams

# Points lie about where a critic's pixels do, within 1 of 0. In the plane, since on a line a
# gradient penalty keeps a slope of the wrong sign: it would have to pass through 0.
DISTANCES, DEVIATION = (0.25, 0.5, 1.0), 0.1
WIDTH, BATCH, HELD_OUT = 64, 256, 100_000

Loss = Callable[[LatentCritic, Tensor, Tensor, torch.Generator], Terms]  # of points (B, 2)


def points(distance: float, n: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Real and generated ones, ``(n, 2)`` each, means that far apart."""
    side = torch.tensor([distance / 2, 0.0])
    real, made = DEVIATION * torch.randn(2, n, 2, generator=rng)
    return real + side, made - side


def trained_critic(
    distance: float,
    seed: int,
    loss: Loss,
    after: Callable[[LatentCritic, int], None] | None = None,
    optimiser: Optimiser | None = None,
) -> LatentCritic:
    """A critic; ``after`` is called with it and the number of an update."""
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed + 1)
    critic = LatentCritic(2, WIDTH, 1)  # one layer: what slope its clip allows is known
    for name, parameter in critic.named_parameters():
        if name.endswith("bias"):  # clipped ones of the usual size bend it where no points are
            nn.init.zeros_(parameter)

    def terms(update: int) -> Terms:
        return loss(critic, *points(distance, BATCH, rng), rng)

    def then(update: int) -> None:
        if after is not None:
            after(critic, update)

    pace = OptimisationParams(
        iterations=1500, learning_rate=0.001, adam_betas=(0.5, 0.9), decay=750, log_every=10**6
    )
    phase = Phase("critic", ("critic",), terms, after=then)
    act = Act("toy", (phase,), pace, optimisers={"critic": optimiser or Optimiser()})
    play({"critic": critic}, (act,), rng)
    return critic


@torch.no_grad()
def scores(critic: LatentCritic, distance: float) -> tuple[Tensor, Tensor]:
    """Of real and generated points that it was not trained on, ``(HELD_OUT,)`` each."""
    real, made = points(distance, HELD_OUT, torch.Generator().manual_seed(0))
    return critic(real), critic(made)


def gap(critic: LatentCritic, distance: float) -> float:
    """Mean score of real less that of generated points, in the critic's own unit."""
    real, made = scores(critic, distance)
    return float(real.mean() - made.mean())
