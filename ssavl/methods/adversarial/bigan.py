r"""BiGAN (Donahue et al. 2017): ALI with a deterministic encoder.

At the optimum encoder and generator are inverses of each other almost surely. The game is that of
:mod:`ssavl.methods.pairs`; the encoder gives points, of a category its probabilities, and no
density.
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
from ssavl.networks.point_encoder import PointEncoder
from ssavl.params.section import Section
from ssavl.params.shared import Count, Size, Weight


class Params(Section):
    """What BiGAN reads of its own."""

    width: Size = Field(256, description="neurons of the critic's layers behind the image")
    noise: Weight = Field(0.1, description="deviation of noise on judged images, of [0, 1]")
    repeats: Count = Field(1, description="steps of the players for one of the critic")


def build(params: Params, common: Common, data: Draws) -> Method:
    """The critic, then both players."""
    players, generator, encoder = pairing(common, data, params.width, params.noise, PointEncoder)
    moved = ("generator", "encoder")
    phases = (
        Phase("critic", ("critic",), partial(critic_terms, players), varies=alike),
        Phase("players", moved, partial(players_terms, players), params.repeats, varies=alike),
    )
    act = Act("bigan", phases, common.optimisation, coupled=NORMALISED)
    return Method(players.modules, (act,), Leaves(generator, (encoder,)))
