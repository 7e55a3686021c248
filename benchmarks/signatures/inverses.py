"""Games of pairs on toys: do the encoder and the generator invert each other?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from signature import Signature
from torch import Tensor
from vectors import Draw, bent, explained, normal, pairing, skewed, train

from ssavl.engine.phase import Phase
from ssavl.methods.pairs import Pairing, critic_terms, players_terms
from ssavl.objectives.kernels import mmd

LAWS: dict[str, tuple[int, Draw]] = {"skewed": (1, skewed), "bent": (2, bent)}
HELD_OUT, BATCH = 4000, 256
LESS = ("untrained_latents", "untrained_data", "shuffled")

# of networks, the game and its phases
Rules = Callable[[Pairing], tuple[Pairing, Sequence[Phase]]]


def figures(
    seed: int, rules: Rules, stochastic: bool, noise: float, iterations: int, rate: float
) -> dict[str, float]:
    """Of each law, what is explained of latents by E(G(u)) and of data by G(E(x)), beside the same
    of untrained networks and of shuffled vectors; and the MMD^2 of samples from data.
    """
    found = {}
    for name, (dim, real) in LAWS.items():
        torch.manual_seed(seed)
        rng = torch.Generator().manual_seed(seed + 1)
        players, phases = rules(pairing(real, dim, normal(dim), rng, stochastic, noise, BATCH))
        before = measured(players, real, dim)
        train(players.modules, phases, rng, iterations, rate)
        after = measured(players, real, dim)
        found |= {f"{name}_{own}": value for own, value in after.items()}
        found |= {f"{name}_untrained_{own}": before[own] for own in ("latents", "data", "mmd")}
    return found


def of_pairs(players: Pairing) -> tuple[Pairing, Sequence[Phase]]:
    """ALI's game and BiGAN's, three steps of the critic for one of the players."""
    return players, (
        Phase("critic", ("critic",), partial(critic_terms, players), repeats=3),
        Phase("players", ("generator", "encoder"), partial(players_terms, players)),
    )


@torch.no_grad()
def measured(players: Pairing, real: Draw, dim: int) -> dict[str, float]:
    """Of new draws; posteriors by their modes."""
    rng = torch.Generator().manual_seed(0)
    u, x = normal(dim).sample(HELD_OUT, rng), real(HELD_OUT, rng)
    generator = players.modules["generator"]
    x_gen: Tensor = generator(u)
    read, rebuilt = players.infer(x_gen).mode, generator(players.infer(x).mode)
    return {
        "latents": explained(read, u),
        "data": explained(rebuilt, x),
        "shuffled": explained(read.roll(1, 0), u),
        "mmd": mmd(x_gen, x).item(),
    }


def signature(method: str, found: dict[str, float]) -> Signature:
    """Of these figures."""
    claim = (
        "on both laws latents and data above .9, whose untrained and shuffled below .5, "
        "and mmd below a tenth of untrained_mmd"
    )
    reached = all(
        min(found[f"{law}_latents"], found[f"{law}_data"]) > 0.9
        and max(found[f"{law}_{own}"] for own in LESS) < 0.5
        and found[f"{law}_mmd"] < 0.1 * found[f"{law}_untrained_mmd"]
        for law in LAWS
    )
    return Signature(method, "the same networks untrained, and shuffled", claim, found, reached)
