"""AAE: the codes of digits take the shape of a prior that no divergence is written down for."""

from __future__ import annotations

from functools import partial

import torch
from digits import digits
from signature import Signature
from torch import Tensor
from vectors import MIXTURES, mixture, normal, quality, train

from ssavl.engine.phase import Phase
from ssavl.latents.point import Point
from ssavl.methods.adversarial.aae import reconstruction_terms
from ssavl.methods.matching import Matching, critics
from ssavl.networks.generator import ConvGenerator
from ssavl.networks.perceptron import perceptron
from ssavl.objectives.kernels import mmd
from ssavl.objectives.likelihood import Likelihood

SPACE, WIDTH, BATCH, ITERATIONS, RATE = normal(2), 256, 128, 3000, 0.001
_, CENTRES, _ = MIXTURES["ring"]
DEVIATION = 0.15  # of a mode of the prior, whose centres are 1 from 0


def measure(seed: int) -> Signature:
    """Two latents led to a ring of eight Gaussians, and two that are left alone."""
    found: dict[str, float] = {}
    for name, matched in (("", True), ("plain_", False)):
        codes = test_codes(seed, matched)
        prior = mixture(CENTRES, DEVIATION, len(codes), torch.Generator().manual_seed(0))
        modes, good = quality(codes, CENTRES, DEVIATION)
        found |= {
            f"{name}modes": modes,
            f"{name}good": good,
            f"{name}mmd": mmd(codes, prior).item(),
        }
    claim = (
        "all 8 modes, good (the share within 3 deviations of one) above 1.5 plain_good, "
        "mmd below a quarter of plain_mmd"
    )
    near = found["mmd"] < 0.25 * found["plain_mmd"]
    reached = found["modes"] == 8 and found["good"] > 1.5 * found["plain_good"] and near
    return Signature("aae", "the same autoencoder, unmatched", claim, found, reached)


def test_codes(seed: int, matched: bool) -> Tensor:
    """Of the test digits ``(N, 2)``, after a training with or without matching."""
    torch.manual_seed(seed)
    rng, images = torch.Generator().manual_seed(seed + 1), digits().images
    generator = ConvGenerator(SPACE, (1, 28, 28), 8, 64, {})
    encoder = perceptron([28 * 28, WIDTH, WIDTH, SPACE.dim])

    def infer(x: Tensor) -> Point:
        return Point(SPACE, encoder(x.flatten(1)))

    def real() -> Tensor:
        return images[torch.randint(len(images), (BATCH,), generator=rng)]

    def prior() -> Tensor:
        return mixture(CENTRES, DEVIATION, BATCH, rng)

    game = Matching(SPACE, infer, prior, real, critics(SPACE, WIDTH), 0.0, rng)
    rebuild = partial(reconstruction_terms, game, generator, Likelihood())
    modules = {"generator": generator, "encoder": encoder, **(game.modules if matched else {})}
    phases = [Phase("reconstruction", ("generator", "encoder"), rebuild)]
    phases += game.phases("encoder") if matched else ()
    train(modules, phases, rng, ITERATIONS, RATE)
    with torch.no_grad():
        return infer(digits().test_images).mode
