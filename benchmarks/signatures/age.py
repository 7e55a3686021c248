"""AGE: without a critic, codes of data and codes of samples come to have one law."""

from __future__ import annotations

import torch
from aggregate import NETWORKS
from digits import digits
from signature import Signature
from torch import Tensor
from train import trained

from ssavl.latents.continuous import base
from ssavl.methods.method import Method
from ssavl.models.inference import InferenceModel
from ssavl.objectives.kernels import mmd

LATENTS = {"noise": 8, "code": 0, "categories": 0}
PACE = {"batch_size": 128, "learning_rate": 0.0005, "adam_betas": (0.5, 0.999)}
ITERATIONS = 2000


def measure(seed: int) -> Signature:
    """Of digits."""
    found: dict[str, float] = {}
    for name, iterations in (("", ITERATIONS), ("untrained_", 1)):
        pace = {**PACE, "iterations": iterations}
        images = digits().images
        method = trained("age", images, seed, latents=LATENTS, networks=NETWORKS, **pace)
        found |= {f"{name}{key}": value for key, value in laws(method).items()}
    claim = (
        "both (MMD^2 of codes of data from those of samples) below a quarter of untrained_both, "
        "prior (from the prior) below a tenth of untrained_prior"
    )
    near = found["both"] < 0.25 * found["untrained_both"]
    reached = near and found["prior"] < 0.1 * found["untrained_prior"]
    return Signature("age", "the same networks untrained", claim, found, reached)


@torch.no_grad()
def laws(method: Method) -> dict[str, float]:
    """MMD^2 of codes of test images from codes of samples, and from the prior, in base space."""
    generator = method.leaves.generator
    assert generator is not None
    model, space = InferenceModel(method.leaves.encoders, "own").eval(), generator.latent_space
    u = generator.draw(len(digits().test_images), torch.Generator().manual_seed(0))

    def codes(x: Tensor) -> Tensor:
        return base(model.mode(x), space)

    of_data, of_gen = codes(digits().test_images), codes(generator.eval()(u))
    return {
        "both": mmd(of_data, of_gen).item(),
        "prior": mmd(of_data, base(u, space)).item(),
        "samples_prior": mmd(of_gen, base(u, space)).item(),
    }
