r"""VEEGAN (Srivastava et al. 2017): a reconstructor of latents keeps modes alive.

F infers latents from images, D tells pairs (G(u), u) from (x, F(x)):

.. math:: L_D = -\log \sigma(D(G(u), u)) - \log(1 - \sigma(D(x, F(x)))), \qquad
          L_{GF} = \mathbb E\, D(G(u), u) + \mathbb E\, |u - F(G(u))|^2

The generator minimises D itself, which estimates the log-ratio of a divergence, and the second term
is the rest of a bound on the entropy of the reconstructed latents. It is a sum over dimensions, in
base space; of a category, -log F. F learns from that alone, as the bound says; the authors' code
has it play against D as well.
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
from ssavl.methods.pairs import Pairing, pairing
from ssavl.methods.shared import NORMALISED, Terms, latent_errors
from ssavl.networks.point_encoder import PointEncoder
from ssavl.objectives.density_ratio import telling_apart
from ssavl.params.section import Section
from ssavl.params.shared import Size, Weight

Read = Callable[[Tensor], Tensor]  # images to points of base space ``(B, D)``, categories as logits


class Params(Section):
    """What VEEGAN reads of its own."""

    width: Size = Field(256, description="neurons of the critic's layers behind the image")
    noise: Weight = Field(0.1, description="deviation of noise on judged images, of [0, 1]")
    reconstruction: Weight = Field(1.0, description="weight of the error of the latents")


def build(params: Params, common: Common, data: Draws) -> Method:
    """The critic, then generator and reconstructor."""
    players, generator, encoder = pairing(common, data, params.width, params.noise, PointEncoder)
    space = generator.latent_space
    both = partial(reconstructing_terms, players, encoder, space, params.reconstruction)
    phases = (
        Phase("critic", ("critic",), partial(ratio_terms, players), varies=alike),
        Phase("players", ("generator", "encoder"), both, varies=alike),
    )
    act = Act("veegan", phases, common.optimisation, coupled=NORMALISED)
    return Method(players.modules, (act,), Leaves(generator, (encoder,)))


def ratio_terms(players: Pairing, update: int) -> Terms:
    """L_D: generated pairs are the first kind."""
    with torch.no_grad():
        pairs = players.generated(), players.inferred()
    of_generated, of_inferred = (players.scores(players.critic, own) for own in pairs)
    return {"loss": telling_apart(of_generated, of_inferred)}


def reconstructing_terms(
    players: Pairing, read: Read, space: LatentSpace, weight: float, update: int
) -> Terms:
    """L_GF."""
    x_gen, u = players.generated()
    ratio = players.scores(players.critic, (x_gen, u))
    errors = latent_errors(read(x_gen), u, space)
    error = torch.stack(list(errors.values())).sum(0)
    return {"loss": ratio + weight * error, "ratio": ratio, "error": error}
