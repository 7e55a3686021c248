"""AS-VAE: with images and latents bound both ways, encoder and generator become inverses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from inverses import figures, signature
from signature import Signature
from vectors import JointPerceptron

from ssavl.engine.phase import Phase
from ssavl.methods.adversarial.as_vae import Symmetric, critics_terms, symmetric_terms
from ssavl.methods.pairs import Pairing
from ssavl.objectives.likelihood import Likelihood

NOISE = 0.1  # deviation of p(x | u) about G(u), and so of the noise on real vectors


def measure(seed: int) -> Signature:
    """On vectors of one number and of two."""
    found = figures(seed, rules, stochastic=True, noise=0.0, iterations=3000, rate=0.002)
    return signature("as-vae", found)


def rules(clear: Pairing) -> tuple[Pairing, Sequence[Phase]]:
    """Its two critics, two steps of theirs for one of the players."""
    likelihood, generator = Likelihood("gaussian", NOISE), clear.generator
    second = JointPerceptron(2 * clear.latents().shape[1])
    players = replace(
        clear,
        real=lambda: likelihood.sample(clear.real(), clear.rng),
        generator=lambda u: likelihood.sample(generator(u), clear.rng),
        modules={**clear.modules, "second_critic": second},
    )
    game = Symmetric(players, second, generator, likelihood)
    return players, (
        Phase("critics", ("critic", "second_critic"), partial(critics_terms, game), repeats=2),
        Phase("players", ("generator", "encoder"), partial(symmetric_terms, game)),
    )
