"""MSVI: four sources of one latent vector, where product, mixture and evidence are known."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from signature import Signature
from torch import Tensor, nn
from torch.distributions import MultivariateNormal, Normal
from train import play

from ssavl.engine.act import Act
from ssavl.engine.phase import Phase
from ssavl.latents.priors import Block
from ssavl.latents.space import Factorised, LatentSpace
from ssavl.methods.mixtures.msvi import Objective, bound
from ssavl.methods.shared import Terms
from ssavl.networks.experts import product
from ssavl.networks.perceptron import perceptron
from ssavl.params.shared import OptimisationParams

SPACE = LatentSpace([Block("noise", "noise", "normal", 2)])
SOURCES, SIDE, S, BATCH, HELD_OUT = 4, 2, 0.5, 128, 20_000
OBJECTIVES: tuple[Objective, ...] = ("individual", "mixture", "product")


@dataclass(frozen=True)
class Sources:
    """x_m = R_m u + S e, m = 1 to M, all equally good: R_m turns a plane, so that the posterior of
    u has independent dimensions. It keeps ``Density``.

    Attributes:
        turns: R_m, ``(M, 2, 2)``.
    """

    turns: Tensor
    latent_space: LatentSpace = SPACE

    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        """Latents ``(n, 2)``."""
        return SPACE.sample(n, rng)

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """Draws ``(n, M, 2)`` of all sources."""
        clean = self.clean(self.draw(n, rng))
        return clean + S * torch.randn(clean.shape, generator=rng)

    def clean(self, u: Tensor) -> Tensor:
        return torch.einsum("mij,bj->bmi", self.turns, u)

    def log_prob(self, x: Tensor, u: Tensor) -> Tensor:
        """log p(x_1, ..., x_M | u) in nats, ``(B,)``."""
        return Normal(self.clean(u), S).log_prob(x).sum((1, 2))

    def evidence(self, x: Tensor) -> Tensor:
        """log p(x_1, ..., x_M), exact, ``(B,)``."""
        w = self.turns.flatten(0, 1)
        covariance = w @ w.T + S**2 * torch.eye(len(w))
        return MultivariateNormal(torch.zeros(len(w)), covariance).log_prob(x.flatten(1))


def posteriors(experts: nn.ModuleList, x: Tensor, objective: Objective) -> list[Factorised]:
    """Of each expert that reads its source alone, or their product."""
    told = [own(x[:, m]) for m, own in enumerate(experts)]
    groups = [told] if objective == "product" else [[own] for own in told]
    return [SPACE.posterior(product(group, SPACE)) for group in groups]


def measure(seed: int) -> Signature:
    """Experts of each objective, and their bounds on what was held out."""
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed + 1)
    model = Sources(torch.linalg.qr(torch.randn(SOURCES, SIDE, SIDE))[0])
    modules = {
        own: nn.ModuleList(perceptron([SIDE, 32, SPACE.parameter_size]) for _ in range(SOURCES))
        for own in OBJECTIVES
    }

    def phase(objective: Objective) -> Phase:
        def terms(update: int) -> Terms:
            x = model.sample(BATCH, rng)
            found = posteriors(modules[objective], x, objective)
            return {"loss": -bound(x, model, found, objective)}

        return Phase(objective, (objective,), terms)

    pace = OptimisationParams(
        iterations=1000, learning_rate=0.01, adam_betas=(0.9, 0.99), decay=700, log_every=10**6
    )
    play(modules, (Act("toy", tuple(map(phase, OBJECTIVES)), pace),), rng)
    with torch.no_grad():
        found = held_out(model, modules, rng)
    best = max(found[f"expert_{m + 1}"] for m in range(SOURCES))
    return Signature(
        "msvi",
        "each expert by itself",
        "held out, the mixture's bound is above that of every expert by itself, and the product's "
        "is within .05 nats of the evidence",
        found | {"best_expert": best},
        found["mixture"] > best and found["evidence"] - found["product"] < 0.05,
    )


def held_out(
    model: Sources, modules: dict[Objective, nn.ModuleList], rng: torch.Generator
) -> dict[str, float]:
    """Bounds and the evidence in nats, means over draws that no expert was trained on."""
    x = model.sample(HELD_OUT, rng)
    single = posteriors(modules["individual"], x, "individual")
    found = {
        f"expert_{m + 1}": bound(x, model, [own], "individual").mean().item()
        for m, own in enumerate(single)
    }
    for objective in ("mixture", "product"):
        own = posteriors(modules[objective], x, objective)
        found[objective] = bound(x, model, own, objective).mean().item()
    return found | {"evidence": model.evidence(x).mean().item()}
