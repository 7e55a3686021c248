"""Surrogates of the log-likelihood of an image under a generator (Eqs. 13, 16, 18; Table 4,
Figs. 9c and 18).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ssavl.generators.protocol import Generator
from ssavl.latents.priors import Role
from ssavl.latents.space import LatentSpace, Posterior
from ssavl.objectives.elbo import elbo
from ssavl.objectives.likelihood import Likelihood

SURROGATES: dict[str, tuple[Role, ...]] = {
    "ll": ("noise", "code", "category"),  # 1: Eq. 18, everything inferred
    "ll_code": ("code", "category"),  # 2: Eq. 13, z from the prior
    "ll_noise": ("noise",),  # 3: Eq. 16, d and c from the prior
}


@torch.no_grad()
def surrogates(
    x: Tensor,
    posterior: Posterior,
    generator: Generator,
    likelihood: Likelihood,
    samples: int,
    rng: torch.Generator,
) -> dict[str, Tensor]:
    """The three bounds and their divergences in nats, ``(B,)`` each, always at beta = 1.

    The first term of each is a mean over ``samples`` draws of the posterior (categories one-hot),
    the divergences are closed-form. A surrogate that needs a block which is not inferred, or which
    the space has not, is left out; so is its ``kl_<block>``.

    Args:
        x: images ``(B, C, H, W)`` in [0, 1].
        posterior: what a model infers from them.
        rng: draws what comes from the prior; posterior draws use torch's global generator.
    """
    space = generator.latent_space
    result: dict[str, Tensor] = {f"kl_{name}": kl for name, kl in posterior.kl().items()}
    for name, roles in SURROGATES.items():
        wanted = space.of_role(*roles)
        if not wanted or any(block.name not in posterior.space for block in wanted):
            continue
        part = posterior.over(LatentSpace(wanted))
        total = torch.zeros(len(x), device=x.device)
        for _ in range(samples):
            given = space.split(space.sample(len(x), rng))
            total += elbo(x, generator, space, part, part.sample(), likelihood, given).value()
        result[name] = total / samples
    return result


def learned_sigma(squared_errors: Tensor, pixels: int) -> float:
    r"""The deviation of the ``gaussian`` likelihood at which the mean of surrogate 1 is highest.

    No divergence depends on it, so :math:`\sigma^2` is the mean squared error of a pixel under the
    posterior.

    Args:
        squared_errors: summed over the image, any shape, one per image and draw of the posterior.
        pixels: channels times height times width.
    """
    return math.sqrt(squared_errors.double().mean().item() / pixels)
