"""Surrogates of the log-likelihood of an image under a generator (Eqs. 13, 16, 18; Table 4,
Figs. 9c and 18).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ssavl.latents.names import Role
from ssavl.latents.posterior import Posterior, Scored, scored_part
from ssavl.objectives.elbo import Density, elbo

SURROGATES: dict[str, tuple[Role, ...]] = {
    "ll": ("noise", "code", "category"),  # 1: Eq. 18, everything inferred
    "ll_code": ("code", "category"),  # 2: Eq. 13, z from the prior
    "ll_noise": ("noise",),  # 3: Eq. 16, d and c from the prior
}


@torch.no_grad()
def surrogates(
    x: Tensor,
    posterior: Posterior,
    density: Density,
    samples: int,
    rng: torch.Generator,
) -> dict[str, Tensor]:
    """The three bounds and their divergences in nats, ``(B,)`` each, always at beta = 1.

    The first term of each is a mean over ``samples`` draws of the posterior (categories one-hot),
    the divergences are closed-form. A surrogate that needs a block which is not inferred, or which
    the space has not, is left out; so is its ``kl_<block>``. A posterior without a density has
    none of them.

    Args:
        x: images ``(B, C, H, W)`` in [0, 1].
        posterior: what a model infers from them.
        density: of images given the latents of a generator.
        rng: draws what comes from the prior; posterior draws use torch's global generator.
    """
    if not isinstance(posterior, Scored):
        return {}
    found = bound_draws(x, posterior, density, samples, rng)
    return divergences(posterior) | {name: mean_of(values) for name, values in found}


@torch.no_grad()
def bound_draws(
    x: Tensor, posterior: Posterior, density: Density, samples: int, rng: torch.Generator
) -> list[tuple[str, list[Tensor]]]:
    """Each bound by its name, ``samples`` single draws of it, ``(B,)`` each.
    Arguments as of :func:`surrogates`.
    """
    space = density.latent_space
    result = []
    for name, roles in SURROGATES.items():
        part = scored_part(posterior, [block.name for block in space.of_role(*roles)])
        if part is None:
            continue
        values = []
        for _ in range(samples):
            given = space.split(density.draw(len(x), rng))
            values.append(elbo(x, density, part, part.sample(), given).value())
        result.append((name, values))
    return result


def mean_of(values: list[Tensor]) -> Tensor:
    """The mean of draws, ``(B,)`` each, added one by one: no bit of it depends on a kernel."""
    return sum(values, torch.zeros_like(values[0])) / len(values)


def divergences(posterior: Scored) -> dict[str, Tensor]:
    """KL from the prior by ``kl_<block>``, nats ``(B,)``.

    Of a sphere it is that of the base variable, whose radius says nothing about the image, so it
    is larger than the sphere's own: ``kl_<block>_base``.
    """
    spheres = {block.name for block in posterior.space.blocks if block.prior == "sphere"}
    return {
        f"kl_{name}_base" if name in spheres else f"kl_{name}": kl
        for name, kl in posterior.kl().items()
    }


def learned_sigma(squared_errors: Tensor, pixels: int) -> float:
    r"""The deviation of the ``gaussian`` likelihood at which the mean of surrogate 1 is highest.

    No divergence depends on it, so :math:`\sigma^2` is the mean squared error of a pixel under the
    posterior.

    Args:
        squared_errors: summed over the image, any shape, one per image and draw of the posterior.
        pixels: channels times height times width.
    """
    return math.sqrt(squared_errors.double().mean().item() / pixels)
