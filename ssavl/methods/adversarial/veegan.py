r"""VEEGAN (Srivastava et al. 2017): a reconstructor of latents keeps modes alive.

F infers latents from images, D tells pairs (x, F(x)) from (G(u), u) as in every game of pairs:

.. math:: L_D = -\log \sigma(D(x, F(x))) - \log(1 - \sigma(D(G(u), u))), \qquad
          L_{GF} = -\mathbb E\, D(G(u), u) + \mathbb E\, |u - F(G(u))|^2

The paper's D has the opposite labels, and so the opposite sign. The generator minimises -D itself,
the log-ratio of the divergence of generated pairs from inferred ones, and the second term is the
rest of a bound on the cross-entropy of the reconstructed latents. It is a sum over dimensions, in
base space; of a category, -log F. F learns from that alone, as in the paper's Algorithm 1; the
authors' code for digits has it play against D as well.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from pydantic import Field
from torch import Tensor

from ssavl.engine.act import Act
from ssavl.engine.phase import Phase, alike
from ssavl.images.draws import Draws
from ssavl.latents.space import LatentSpace
from ssavl.methods.method import Common, Leaves, Method
from ssavl.methods.pairs import Pairing, PairParams, critic_terms, pairing
from ssavl.methods.shared import NORMALISED, Terms, latent_errors
from ssavl.networks.point_encoder import PointEncoder
from ssavl.params.shared import Weight

Read = Callable[[Tensor], Tensor]  # images to points of base space ``(B, D)``, categories as logits


class Params(PairParams):
    """What VEEGAN reads of its own."""

    reconstruction: Weight = Field(1.0, description="weight of the error of the latents")


def build(params: Params, common: Common, data: Draws) -> Method:
    """The critic, then generator and reconstructor."""
    players, generator, encoder = pairing(common, data, params.width, params.noise, PointEncoder)
    space = generator.latent_space
    both = partial(reconstructing_terms, players, encoder, space, params.reconstruction)
    phases = (
        Phase("critic", ("critic",), partial(critic_terms, players), varies=alike),
        Phase("players", ("generator", "encoder"), both, params.repeats, varies=alike),
    )
    act = Act("veegan", phases, common.optimisation, coupled=NORMALISED)
    return Method(players.modules, (act,), Leaves(generator, (encoder,)))


def reconstructing_terms(
    players: Pairing, read: Read, space: LatentSpace, weight: float, update: int
) -> Terms:
    """L_GF."""
    x_gen, u = players.generated()
    ratio = -players.scores(players.critic, (x_gen, u))
    errors = latent_errors(read(x_gen), u, space)
    error = torch.stack(list(errors.values())).sum(0)
    return {"loss": ratio + weight * error, "ratio": ratio, "error": error}
