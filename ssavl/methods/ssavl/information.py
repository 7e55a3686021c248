r"""L_MI, the information that codes and category keep in the image (Eqs. 21, 24).

.. math:: L_{MI} = \sum_b w_b \, (\mathbb E[\log q_\omega(b \mid T(x'))] + H(b)), \qquad b = c, d

Off by default, and the paper to the letter then: a slow ramp of what the generator feels, random
transformations T that a category must survive, codes that open one after another, and real images
that q learns a category from (their consistency under T, or their clusters).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ssavl.engine.schedule import ramp
from ssavl.latents.priors import Block
from ssavl.methods.shared import Terms, part
from ssavl.methods.ssavl.players import Players
from ssavl.networks.encoder import Encoder
from ssavl.objectives.consistency import paired_information
from ssavl.objectives.invariances import Invariances
from ssavl.objectives.mutual_information import code_nll


def information_terms(players: Players, update: int) -> Terms:
    """Minus L_MI on the latents that the critic saw last: Algorithm 1's own step for Eq. 24."""
    drawn = players.latents.again()
    loss, terms = information(players, update, drawn, players.generator(drawn))
    return {"loss": loss, **terms}


def information_varies(players: Players, update: int) -> tuple[float, ...]:
    """What the number of an update decides in it: how far what sets in slowly has set in.

    Between nothing and all, what the generator feels is a tensor, so all of these are alike.
    """
    slow = (players.params.mi_warmup, players.params.real_consistency.warmup)
    felt, consistency = (ramp(update, own.start, own.length) for own in slow)
    return (felt if felt in (0, 1) else 0.5, consistency, *players.open(update))


def information(
    players: Players, update: int, drawn: Tensor, x_gen: Tensor
) -> tuple[Tensor, Terms]:
    """Minus the weighted L_MI ``(B,)``, and each block's share of it in nats.

    Less what q agrees with itself, or with clusters, on real images.

    Args:
        drawn: latents ``(B, D)``.
        x_gen: the generator's images of them; gradients flow through.
    """
    params, encoder = players.params, players.code_encoder
    assert encoder is not None
    weights = {"category": params.mi_category_weight, "code": params.mi_code_weight}
    shares, n = players.shares(update), len(x_gen)
    views = _views(players, _felt(players, update, x_gen))
    clustered = _clustered(players)
    real = [] if clustered is None else [clustered[0]]
    results = encoder.trunk.results(torch.cat([*views, *real]))  # all that q reads, in one call
    parameters = encoder.read(results[-1]).split([len(views) * n, len(real) * n])
    known = part(drawn, players.space, encoder.space)
    posterior = encoder.space.posterior(parameters[0])
    nll = code_nll(posterior, known.repeat(len(views), 1), shares)
    loss: Tensor = x_gen.new_zeros(n)
    terms: Terms = {}
    for block in encoder.space.blocks:
        read = nll[block.name].chunk(len(views))
        own = read[0] if block.role == "category" else read[-1]
        if block.role == "category" and clustered is not None and params.real_clusters.alone:
            own = _moving_images_alone(encoder, views[0], results, own)
        loss = loss + weights[block.name] * own
        entropy = block.entropy * (shares[block.name].mean() if block.name in shares else 1)
        terms[f"mi_{block.name}"] = entropy - own
    loss = _less_consistency(players, update, loss, terms)
    if clustered is not None:
        terms["agreement"] = _agreement(encoder, parameters[1], clustered[1])
        loss = loss - params.real_clusters.weight * terms["agreement"]
    return loss, terms


def _less_consistency(players: Players, update: int, loss: Tensor, terms: Terms) -> Tensor:
    consistency, category = players.params.real_consistency, players.block("category")
    if category is None or not consistency.weight:
        return loss
    warmup = consistency.warmup
    weight = consistency.weight * ramp(update, warmup.start, warmup.length)
    if not weight:  # not measured yet: an empty cell of the log
        terms["consistency"] = torch.full_like(loss, torch.nan)
        return loss
    terms["consistency"] = consistency_terms(players, category)
    return loss - weight * terms["consistency"]


def consistency_terms(players: Players, category: Block) -> Tensor:
    """Information between the categories of two views of a real image, in nats, ``(B,)``."""
    assert players.code_encoder is not None
    x = players.data.real(players.latents.n)
    views = [_transformed(players, x), _transformed(players, x)]
    posterior = players.code_encoder.posterior(torch.cat(views))
    return paired_information(*posterior.probabilities(category.name).chunk(2))


def _clustered(players: Players) -> tuple[Tensor, Tensor] | None:
    """Transformed real images ``(B, C, H, W)`` and their clusters ``(B,)``, where there are any."""
    if players.clustering is None or players.block("category") is None:
        return None
    x, cluster = players.clustering.draw(players.latents.n)
    return _transformed(players, x), cluster


def _agreement(encoder: Encoder, parameters: Tensor, cluster: Tensor) -> Tensor:
    """log q(cluster | transformed real image) in nats, ``(B,)``."""
    (category,) = encoder.space.of_role("category")
    posterior = encoder.space.posterior(parameters)
    return posterior.category(category.name).log_prob(F.one_hot(cluster, category.dim))


def _felt(players: Players, update: int, x_gen: Tensor) -> Tensor:
    """Images whose gradient reaches the generator as far as the warm-up lets it.

    The encoder learns at full weight all along, because one that reads well from the start gives
    the ramp something to follow. At weight 0 there is no gradient at all, rather than one of zeros,
    which Adam's momentum would turn into a step.
    """
    warmup = players.params.mi_warmup
    weight = ramp(update, warmup.start, warmup.length)
    if weight in (0, 1):
        return x_gen if weight else x_gen.detach()
    return torch.lerp(x_gen.detach(), x_gen, players.felt)


def _views(players: Players, x: Tensor) -> list[Tensor]:
    """What the category is read from, and last what codes are read from.

    A category must survive the transformations; a code may be one of them, and then needs the plain
    image.
    """
    transformed = _transformed(players, x)
    return [transformed] if players.params.code_invariances.codes else [transformed, x]


def _transformed(players: Players, x: Tensor) -> Tensor:
    return Invariances.of(players.params.code_invariances)(x, players.rng)


def _moving_images_alone(
    encoder: Encoder, view: Tensor, results: list[Tensor], nll: Tensor
) -> Tensor:
    """-log q ``(B,)`` whose gradient moves the images ``view`` and leaves the encoder still
    (``real_clusters.alone``).

    Args:
        results: of the encoder's trunk, of these images first.
    """
    if not view.requires_grad:
        return nll.detach()
    (cotangents,) = torch.autograd.grad(nll.sum(), results[-1], retain_graph=True)
    n = len(view)
    with torch.no_grad():
        gradient = encoder.trunk.pulled_back([own[:n] for own in results], cotangents[:n])
    return nll.detach() + ((view - view.detach()) * gradient).flatten(1).sum(1)
