"""Total correlation of latents of small sprites, beside the reconstruction that they allow."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import torch
from signature import Signature
from torch import Tensor
from train import trained

from ssavl.datasets.dsprites import DSprites
from ssavl.datasets.resized import Resized
from ssavl.latents.continuous import gaussian
from ssavl.latents.space import Factorised
from ssavl.methods.method import Method
from ssavl.models.inference import InferenceModel
from ssavl.objectives.likelihood import Likelihood
from ssavl.objectives.total_correlation import divergence_parts

SIDE, TRAIN, TEST = 32, 20_000, 3000
SHAPE = {"width": 8, "features": 64}
SETTINGS: Mapping[str, Any] = {
    "latents": {"noise": 6, "code": 0, "categories": 0},
    "networks": {"generator": {"width": 8, "hidden": 64}, "critic": SHAPE, "encoder": SHAPE},
    "likelihood": Likelihood("bernoulli"),
    "iterations": 3000,
    "batch_size": 128,
    "learning_rate": 0.002,
    "decay": 1500,
}


@cache
def sprites() -> tuple[Tensor, Tensor]:
    """Images ``(N, 1, 32, 32)`` in [0, 1] to train on, and others."""
    data = Resized(DSprites(), (1, SIDE, SIDE))
    images = torch.from_numpy(data.take(data.draw(TRAIN + TEST, np.random.default_rng(0))))
    return images[:TRAIN].float() / 255, images[TRAIN:].float() / 255


def figures(name: str, seed: int, own: Mapping[str, Any]) -> dict[str, float]:
    """Of a method's training, on the test sprites.

    ``total_correlation`` and ``information`` in nats, with the mixture of the posteriors of all
    test images as q(z); information near log 3000 = 8.0 would be cut there, and the rest of it
    counted as correlation. ``error``: the squared error of the reconstruction.
    """
    return measured(trained(name, sprites()[0], seed, own, **SETTINGS))


@torch.no_grad()
def measured(method: Method) -> dict[str, float]:
    """The same of what is trained."""
    assert method.leaves.generator is not None
    model = InferenceModel(method.leaves.encoders, "own").eval()
    x = sprites()[1]
    posterior = model.posterior(x)
    assert isinstance(posterior, Factorised)
    torch.manual_seed(0)
    law = gaussian(posterior)
    parts = divergence_parts(law, law.sample(), len(x))
    x_hat = method.leaves.generator.eval()(model.mode(x))
    return {
        "total_correlation": parts.total_correlation.mean().item(),
        "information": parts.information.mean().item(),
        "error": (x - x_hat).square().flatten(1).sum(1).mean().item(),
    }


def beside_beta_vae(name: str, seed: int, own: Mapping[str, Any]) -> Signature:
    """A method that prices total correlation alone, beside one that prices all nats alike."""
    found, base = figures(name, seed, own), figures("beta-vae", seed, {"beta": 4.0})
    claim = "total_correlation below that of beta-vae (beta = 4), and error at most its error"
    reached = (
        found["total_correlation"] < base["total_correlation"] and found["error"] <= base["error"]
    )
    told = {**found, **{f"beta_vae_{key}": value for key, value in base.items()}}
    return Signature(name, "beta-vae", claim, told, reached)
