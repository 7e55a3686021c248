r"""Evidence lower bounds on ``log p(x)`` through a generator (Ye & Bors 2024).

One function is all of them: blocks are *inferred* by a posterior or *given*.

==========  ====================  ==============================  ==============================
equation    inferred              given                           trains or measures
==========  ====================  ==============================  ==============================
25 (9)      d, c                  the very z that made the image  the code encoder
26 (12)     z                     the very d, c                   the noise encoder
27          one latent vector     nothing                         an encoder for anyone's GAN
18          d, c and z            nothing                         SS-AVL-R; surrogate 1
13          d, c                  z from the prior                surrogate 2
16          z                     d, c from the prior             surrogate 3
==========  ====================  ==============================  ==============================

Each is :math:`\mathbb E_q[\log p(x \mid \cdot)] - \beta \sum_b KL(q_b \Vert p_b)`. With a given
block drawn from the prior independently of x, Jensen's inequality makes it a lower bound too.
Eqs. 18 and 20 print p(d, c, z | x) where p(x | d, c, z) is meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ssavl.latents.posterior import Scored
from ssavl.latents.space import LatentSpace


class Density(Protocol):
    """p(x, latents): a prior that can be drawn from, and the density of images given latents."""

    @property
    def latent_space(self) -> LatentSpace:
        """The space of the latents."""
        ...

    def draw(self, n: int, rng: torch.Generator, /) -> Tensor:
        """Draws ``(n, latent_space.dim)`` from the prior, on the device of ``rng``."""
        ...

    def log_prob(self, x: Tensor, latents: Tensor, /) -> Tensor:
        """log p(x | latents) in nats, ``(B,)``, of images ``(B, C, H, W)`` in [0, 1] and latents
        ``(B, latent_space.dim)``.
        """
        ...


@dataclass(frozen=True)
class Bound:
    """A bound's parts in nats, shape ``(B,)`` each:
    the expected log-likelihood and one divergence per block.
    """

    log_likelihood: Tensor
    kl: Mapping[str, Tensor]

    def value(self, beta: float = 1.0) -> Tensor:
        """The bound ``(B,)``; with ``beta`` other than 1 an objective,
        no longer a bound for beta < 1.
        """
        total = self.log_likelihood
        for term in self.kl.values():
            total = total - beta * term
        return total


def elbo(
    x: Tensor,
    density: Density,
    posterior: Scored,
    draw: Tensor,
    given: Mapping[str, Tensor] | None = None,
) -> Bound:
    """The bound on ``log p(x)``, by one draw of the posterior per image.

    Args:
        x: images ``(B, C, H, W)`` in [0, 1].
        density: of images given latents; gradients flow through its generator.
        posterior: over the inferred blocks.
        draw: a draw ``(B, posterior.space.dim)`` from it: ``rsample`` to train, ``sample`` to
            measure.
        given: blocks that are not inferred, by name, ``(B, block.dim)`` each.

    Raises:
        KeyError: a block of the space that is neither inferred nor given.
    """
    parts = {**(given or {}), **posterior.space.split(draw)}
    return Bound(density.log_prob(x, density.latent_space.join(parts)), posterior.kl())
