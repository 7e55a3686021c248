"""InfoGAN-CR: of pairs of images it can be seen which code they share."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from aggregate import NETWORKS
from digits import digits
from signature import Signature
from train import trained

from ssavl.methods.gans.infogan_cr import Pairs, drawn_pairs
from ssavl.methods.shared import Latents
from ssavl.networks.pair_reader import PairReader

CODES, HELD_OUT = 4, 5000
LATENTS = {"noise": 16, "code": CODES, "categories": 0}
PACE = {"iterations": 1500, "batch_size": 64, "learning_rate": 0.001, "adam_betas": (0.5, 0.999)}


def accuracy(seed: int, own: Mapping[str, float]) -> float:
    """Of its own reader of pairs, on pairs that nothing was trained on."""
    images = digits().images
    method = trained("infogan-cr", images, seed, own, latents=LATENTS, networks=NETWORKS, **PACE)
    generator, reader = method.leaves.generator, method.modules["pairs"]
    assert generator is not None
    assert isinstance(reader, PairReader)
    latents = Latents(generator.latent_space, HELD_OUT, torch.Generator().manual_seed(0))
    first, second, shared = drawn_pairs(latents, Pairs(reader, "code", CODES))
    with torch.no_grad():
        found = reader(generator.eval()(first), generator(second)).argmax(-1)
    return float((found == shared).float().mean())


def measure(seed: int) -> Signature:
    """With the reward from the first third on, and without, where the reader alone learns."""
    figures = {
        "accuracy": accuracy(seed, {"start": 500}),
        "infogan_accuracy": accuracy(seed, {"contrast": 0.0}),
        "chance": 1 / CODES,
    }
    claim = "accuracy above twice the chance, and above infogan_accuracy"
    reached = figures["accuracy"] > max(2 / CODES, figures["infogan_accuracy"])
    return Signature("infogan-cr", "infogan", claim, figures, reached)
