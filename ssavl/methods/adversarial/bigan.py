r"""BiGAN (Donahue et al. 2017): ALI with a deterministic encoder.

At the optimum encoder and generator are inverses of each other almost surely. The game is that of
:mod:`ssavl.methods.pairs`; the encoder gives points, of a category its likeliest, and no density.
"""

from __future__ import annotations

from ssavl.images.draws import Draws
from ssavl.methods.method import Common, Method
from ssavl.methods.pairs import PairParams, game
from ssavl.networks.point_encoder import PointEncoder


class Params(PairParams):
    """What BiGAN reads of its own."""


def build(params: Params, common: Common, data: Draws) -> Method:
    """The game, with points for posteriors."""
    return game("bigan", params, common, data, PointEncoder)
