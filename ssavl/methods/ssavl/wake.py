"""The wake phase: a Wasserstein GAN with gradient penalty (Eqs. 4, 5, 22, 23)."""

from __future__ import annotations

import torch

from ssavl.methods.gan import wasserstein_terms
from ssavl.methods.shared import Terms
from ssavl.methods.ssavl.information import information
from ssavl.methods.ssavl.players import Players
from ssavl.objectives.wgan_gp import generator_loss
from ssavl.params.ssavl import SsAvlParams


def penalised(params: SsAvlParams, update: int) -> bool:
    """Whether an update of the critic has the penalty."""
    return update % params.gp_every == 0


def critic_terms(players: Players, update: int) -> Terms:
    """Eq. 22 with the penalty of Eq. 5, and the estimated distance."""
    params, critic = players.params, players.critic
    x = players.data.real(players.latents.n)
    with torch.no_grad():
        x_gen = players.generator(players.latents.new())
    weight = params.gp_weight * params.gp_every if penalised(params, update) else 0
    return wasserstein_terms(critic, x, x_gen, weight, players.rng)


def generator_terms(players: Players, update: int) -> Terms:
    """Eq. 23 alone, on the latents that the critic saw last (Algorithm 1)."""
    return {"loss": generator_loss(players.critic, players.generator(players.latents.again()))}


def informed_generator_terms(players: Players, update: int) -> Terms:
    """Eq. 23 minus L_MI (Eq. 24), on new latents: two gradients from one pass."""
    drawn = players.latents.new()
    x_gen = players.generator(drawn)
    adversarial = generator_loss(players.critic, x_gen)
    if players.code_encoder is None:
        return {"loss": adversarial}
    loss, terms = information(players, update, drawn, x_gen)
    return {"loss": adversarial + loss, "adversarial": adversarial, **terms}
