"""What autoencoders of digits infer as a whole: how many nats, how near to the prior."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from digits import digits
from train import trained

from ssavl.latents.continuous import gaussian
from ssavl.latents.space import Factorised
from ssavl.methods.method import Method
from ssavl.models.inference import InferenceModel
from ssavl.objectives.kernels import mmd
from ssavl.objectives.moments import aggregated, wasserstein
from ssavl.objectives.total_correlation import divergence_parts

LATENTS = {"noise": 10, "code": 0, "categories": 0}
NETWORKS = {
    "generator": {"width": 8, "hidden": 64},
    "critic": {"width": 8, "features": 64},
    "encoder": {"width": 8, "features": 64},
}
PACE = {"iterations": 2000, "batch_size": 64, "learning_rate": 0.002}


def autoencoder(
    name: str, seed: int, own: Mapping[str, Any] | None = None, **changed: Any
) -> Method:
    """Trained on the training digits, in a small size; ``changed`` is over that of ``PACE``."""
    settings = {"latents": LATENTS, "networks": NETWORKS, **PACE, **changed}
    return trained(name, digits().images, seed, own, **settings)


@cache
def plain(seed: int, **changed: Any) -> Mapping[str, float]:
    """The VAE's figures, the baseline of all others."""
    return figures(autoencoder("vae", seed, **changed))


@torch.no_grad()
def figures(method: Method) -> dict[str, float]:
    """On the test digits.

    ``kl`` and ``information`` in nats: the mean divergence, and its part that the latents say of
    the image, with the mixture of the posteriors of all test images as q(z). ``mmd`` and ``w2``: of
    one draw for each test image, and of the aggregated posterior's moments, from the prior.
    ``error``: the squared error of the reconstruction.
    """
    assert method.leaves.generator is not None
    model = InferenceModel(method.leaves.encoders, "own").eval()
    generator, x = method.leaves.generator.eval(), digits().test_images
    posterior = model.posterior(x)
    assert isinstance(posterior, Factorised)
    torch.manual_seed(0)
    law = gaussian(posterior)
    z = law.sample()
    parts = divergence_parts(law, z, len(x))
    x_hat = generator(model.mode(x))
    return {
        "kl": torch.stack(list(posterior.kl().values())).sum(0).mean().item(),
        "information": parts.information.mean().item(),
        "mmd": mmd(z, torch.randn_like(z)).item(),
        "w2": wasserstein(*aggregated(law)).item(),
        "error": (x - x_hat).square().flatten(1).sum(1).mean().item(),
    }


def beside(own: Mapping[str, float], seed: int, **changed: Any) -> dict[str, float]:
    """A method's figures and the VAE's."""
    return {**own, **{f"vae_{name}": value for name, value in plain(seed, **changed).items()}}
