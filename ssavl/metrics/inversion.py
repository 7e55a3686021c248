"""How well latents are found again, where they are known: on the generator's own images.

Pixel error alone ranks encoders wrongly: one that collapsed onto a few latents can reconstruct well
and know nothing.
"""

from __future__ import annotations

import math

from torch import Tensor

from ssavl.latents.space import Factorised


def latent_errors(posterior: Factorised, latents: Tensor) -> dict[str, Tensor]:
    """Squared error ``(B,)`` of each continuous block's mean in base space, per dimension.

    The prior's variance is 1 there, so an encoder that says 0 to every image has an error of 1.

    Args:
        posterior: of the images that ``latents`` made.
        latents: ``(B, posterior.space.dim)``.
    """
    truth = posterior.space.split(posterior.space.to_base(latents))
    return {
        block.name: (posterior.gaussian(block.name).mean - truth[block.name]).square().mean(-1)
        for block in posterior.space.of_role("noise", "code")
    }


def norm_ratios(posterior: Factorised) -> dict[str, Tensor]:
    """``|u| / sqrt(d)`` of each continuous block's mean u in base space, ``(B,)``;
    the prior's draws have about 1.

    A mean of a wide posterior is shorter, by right: the share of the latent that the image does not
    tell. Longer than 1 is never right.
    """
    return {
        block.name: posterior.gaussian(block.name).mean.norm(dim=-1) / math.sqrt(block.dim)
        for block in posterior.space.of_role("noise", "code")
    }
