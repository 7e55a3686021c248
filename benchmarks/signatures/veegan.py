"""VEEGAN: modes of a mixture that a GAN loses are kept."""

from __future__ import annotations

from functools import partial

import torch
from signature import Signature
from torch import nn
from vectors import MIXTURES, Draw, normal, pairing, quality, train

from ssavl.engine.phase import Phase
from ssavl.methods.adversarial.veegan import reconstructing_terms
from ssavl.methods.pairs import critic_terms
from ssavl.methods.shared import Terms
from ssavl.networks.perceptron import LatentCritic, perceptron
from ssavl.objectives.density_ratio import passing_for_a, telling_apart

SPACE, WIDTH, BATCH, SAMPLES = normal(16), 128, 128, 2500
ITERATIONS, RATE = 4000, 0.001


def measure(seed: int) -> Signature:
    """On a ring of 8 modes and a grid of 25, each of both methods with one generator's shape."""
    found: dict[str, float] = {}
    for name, (draw, centres, deviation) in MIXTURES.items():
        for method, fit in (("veegan", veegan), ("gan", gan)):
            torch.manual_seed(seed)
            generator = fit(draw, torch.Generator().manual_seed(seed + 1))
            with torch.no_grad():
                x_gen = generator(SPACE.sample(SAMPLES, torch.Generator().manual_seed(0)))
            modes, good = quality(x_gen, centres, deviation)
            found |= {f"{name}_{method}_modes": modes, f"{name}_{method}_good": good}
    claim = "all 8 modes of the ring, at least 24 of the grid, and more than the gan's on one"
    ahead = [found[f"{name}_veegan_modes"] - found[f"{name}_gan_modes"] for name in MIXTURES]
    whole = found["ring_veegan_modes"] == 8 and found["grid_veegan_modes"] >= 24
    reached = whole and min(ahead) >= 0 and max(ahead) > 0
    return Signature("veegan", "gan", claim, found, reached)


def veegan(draw: Draw, rng: torch.Generator) -> nn.Module:
    """Its generator."""
    players = pairing(draw, 2, SPACE, rng, False, 0.0, BATCH, WIDTH)
    read = players.modules["encoder"]
    both = partial(reconstructing_terms, players, read, SPACE, 1.0)
    phases = (
        Phase("critic", ("critic",), partial(critic_terms, players)),
        Phase("players", ("generator", "encoder"), both),
    )
    train(players.modules, phases, rng, ITERATIONS, RATE)
    return players.modules["generator"]


def gan(draw: Draw, rng: torch.Generator) -> nn.Module:
    """The generator of a GAN whose loss does not saturate."""
    generator = perceptron([SPACE.dim, WIDTH, WIDTH, 2])
    critic = LatentCritic(2, WIDTH, 2)

    def judging(update: int) -> Terms:
        with torch.no_grad():
            x_gen = generator(SPACE.sample(BATCH, rng))
        return {"loss": telling_apart(critic(draw(BATCH, rng)), critic(x_gen))}

    def generating(update: int) -> Terms:
        return {"loss": passing_for_a(critic(generator(SPACE.sample(BATCH, rng))))}

    phases = (
        Phase("critic", ("critic",), judging),
        Phase("generator", ("generator",), generating),
    )
    train({"generator": generator, "critic": critic}, phases, rng, ITERATIONS, RATE)
    return generator
