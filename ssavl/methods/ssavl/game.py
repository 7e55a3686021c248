r"""Self-Supervised Adversarial Variational Learning (Ye & Bors 2024): the order of its phases.

==================  ====================================  ==========================
phase               minimises                             updates
==================  ====================================  ==========================
critic              Eqs. 22, 5 (``wake``)                 critic (phi)
generator           Eq. 23, ``two-stage``: minus L_MI     generator (psi), and omega
mutual-information  minus L_MI, Eq. 24 (``information``)  psi, omega (, shared phi)
code-encoder        minus Eq. 25 (``dreaming``)           code encoder (omega)
noise-encoder       minus Eq. 26 (``dreaming``)           noise encoder (xi)
==================  ====================================  ==========================

``two-stage`` trains the generator by the first two, Eqs. 23 and 24 in one step: one pass through
the generator instead of two, and their gradients add up before Adam scales them. The encoders are
trained afterwards, on the finished generator. ``interleaved`` is Algorithm 1 to the letter: all
five, each its own step, on the same latents, in every iteration. With ``real_clusters`` another act
comes before (``clusters``).
"""

from __future__ import annotations

from functools import partial

from ssavl.engine.act import Act
from ssavl.engine.phase import Phase, alike
from ssavl.images.draws import Draws
from ssavl.methods.method import Common, Leaves, Method, nothing
from ssavl.methods.shared import NORMALISED, Still
from ssavl.methods.ssavl.clusters import embedding_act, settle
from ssavl.methods.ssavl.dreaming import Dream, Fitting, dreams
from ssavl.methods.ssavl.information import information_terms, information_varies
from ssavl.methods.ssavl.players import Players, invite
from ssavl.methods.ssavl.wake import (
    critic_terms,
    generator_terms,
    informed_generator_terms,
    penalised,
)
from ssavl.objectives.likelihood import Likelihood
from ssavl.params.ssavl import SsAvlParams


def build(params: SsAvlParams, common: Common, data: Draws) -> Method:
    """SS-AVL's generator, and what its training leaves of encoders.

    Raises:
        ValueError: as :func:`ssavl.methods.ssavl.players.invite`.
    """
    players = invite(params, common, data)
    clustering, leaves = players.clustering, tuple(players.encoders.values())
    phases = interleaved(players) if params.schedule == "interleaved" else two_stage(players)
    # A trunk that the critic shares is the critic's own, and keeps its start.
    starts = None if params.shared_trunk else players.code_encoder
    enter = partial(settle, clustering, starts) if clustering is not None else None
    game = Act("gan", phases, common.optimisation, enter, players.begin, coupled=NORMALISED)
    return Method(
        players.modules,
        (game,) if clustering is None else (embedding_act(clustering), game),
        Leaves(
            players.generator,
            training_encoders=leaves,
            sorter=None if clustering is None else clustering.embedding,
        ),
        {"generator": params.ema_decay} if params.ema_decay else {},
        nothing if clustering is None else clustering.summary,
    )


def two_stage(players: Players) -> tuple[Phase, ...]:
    """Critic, then generator and information in one step."""
    modules = ("generator",) if players.code_encoder is None else ("generator", "code_encoder")
    terms = partial(informed_generator_terms, players)
    varies = partial(information_varies, players)
    return (_critic(players), Phase("generator", modules, terms, varies=varies))


def interleaved(players: Players) -> tuple[Phase, ...]:
    """Algorithm 1 to the letter."""
    phases = [_critic(players)]
    adversarial = partial(generator_terms, players)
    phases.append(Phase("generator", ("generator",), adversarial, varies=alike))
    if players.code_encoder is not None:
        modules = ("generator", "code_encoder")
        terms, varies = partial(information_terms, players), partial(information_varies, players)
        phases.append(Phase("mutual-information", modules, terms, varies=varies))
    own = players.params.interleaved
    fitting = Fitting(Likelihood.of(own.likelihood), own.beta, own.relaxation)
    still = Still(players.generator)
    dream = Dream(players.encoders, still, players.latents.again, fitting)
    return (*phases, *dreams(dream))


def _critic(players: Players) -> Phase:
    terms = partial(critic_terms, players)
    varies = partial(penalised, players.params)
    return Phase("critic", ("critic",), terms, players.params.n_critic, varies=varies)
