r"""ALI (Dumoulin et al. 2017): a stochastic encoder learns against a critic of pairs.

.. math:: L_D = -\log \sigma(D(x, E(x))) - \log(1 - \sigma(D(G(u), u)))

and the players exchange the labels of both terms, so that nothing saturates
(:mod:`ssavl.methods.pairs`). The encoder's posterior is the study's: Gaussian, with a relaxed
category. At the optimum both joint laws are one, and the value is 2 JSD - log 4. Reconstructions
keep what an image means rather than its pixels. Noise on the judged images steadies the game.
"""

from __future__ import annotations

from ssavl.images.draws import Draws
from ssavl.methods.method import Common, Method
from ssavl.methods.pairs import PairParams, game
from ssavl.networks.encoder import Encoder


class Params(PairParams):
    """What ALI reads of its own."""


def build(params: Params, common: Common, data: Draws) -> Method:
    """The game, with a posterior that has a density."""
    return game("ali", params, common, data, Encoder)
