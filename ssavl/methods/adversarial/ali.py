r"""ALI (Dumoulin et al. 2017): a stochastic encoder learns against a critic of pairs.

.. math:: L_D = -\log \sigma(D(x, E(x))) - \log(1 - \sigma(D(G(u), u)))

and the players exchange the labels of both terms, so that nothing saturates
(:mod:`ssavl.methods.pairs`). The encoder's posterior is the study's: Gaussian, with a relaxed
category. At the optimum both joint laws are one, and the value is 2 JSD - log 4. Reconstructions
keep what an image means rather than its pixels. Noise on the judged images steadies the game.
"""

from __future__ import annotations

from functools import partial

from pydantic import Field

from ssavl.engine.act import Act
from ssavl.engine.phase import Phase, alike
from ssavl.images.draws import Draws
from ssavl.methods.method import Common, Leaves, Method
from ssavl.methods.pairs import critic_terms, pairing, players_terms
from ssavl.methods.shared import NORMALISED
from ssavl.networks.encoder import Encoder
from ssavl.params.section import Section
from ssavl.params.shared import Count, Size, Weight


class Params(Section):
    """What ALI reads of its own."""

    width: Size = Field(256, description="neurons of the critic's layers behind the image")
    noise: Weight = Field(0.1, description="deviation of noise on judged images, of [0, 1]")
    repeats: Count = Field(1, description="steps of the players for one of the critic")


def build(params: Params, common: Common, data: Draws) -> Method:
    """The critic, then both players."""
    players, generator, encoder = pairing(common, data, params.width, params.noise, Encoder)
    moved = ("generator", "encoder")
    phases = (
        Phase("critic", ("critic",), partial(critic_terms, players), varies=alike),
        Phase("players", moved, partial(players_terms, players), params.repeats, varies=alike),
    )
    act = Act("ali", phases, common.optimisation, coupled=NORMALISED)
    return Method(players.modules, (act,), Leaves(generator, (encoder,)))
