r"""The FactorVAE score (Kim & Mnih 2018): does fixing a factor still one dimension,
and always the same?

A vote: fix a factor k, take each active dimension's variance over a batch, divided by its variance
over all points, and vote for the smallest. A majority classifier maps dimensions to factors; the
score is its accuracy. A category's variance is that of its index, or Gini's (Kim & Mnih, appendix)

.. math:: \frac{1}{2 N (N - 1)} \sum_{i, j} [d_i \ne d_j]
          = \frac{N}{2 (N - 1)} \Bigl(1 - \sum_k p_k^2\Bigr).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ssavl.metrics.disentanglement.peers import Peers
from ssavl.metrics.disentanglement.representation import Bits, Floats, Integers, Representation


@dataclass(frozen=True)
class FactorVaeProtocol:
    """What the published implementations do differently.

    Attributes:
        batch: points that share the factor, L.
        train_votes: that make the classifier.
        test_votes: fresh ones that it is scored on; 0 scores it on those that made it.
        least_std: deviation below which a dimension is inactive, or ``None``.
        least_kl: divergence from the prior in nats up to which it is, or ``None``.
        gini: whether a category's variance is Gini's rather than that of its index.
        keeps_categories: whether a category stays active whatever its divergence.
        equal: whether each factor has as many votes as another, rather than as chance gives it.
        scaled: whether chance, 1 / F, is counted as 0: (s - 1/F) / (1 - 1/F).
        inactive: whether chance is the score where no dimension is active, rather than 0.
    """

    batch: int
    train_votes: int
    test_votes: int
    least_std: float | None
    least_kl: float | None
    gini: bool
    keeps_categories: bool = False
    equal: bool = False
    scaled: bool = False
    inactive: bool = False


PRESETS = {
    # disentanglement_lib (Locatello et al. 2019)
    "dlib": FactorVaeProtocol(64, 10_000, 5_000, 0.05, None, False),
    # Our reading of what the paper's Table 2 follows (Dupont 2018): its text does not say whether a
    # category can be pruned.
    "jointvae": FactorVaeProtocol(100, 500, 0, None, 1.0, True),
    # Jeong & Song 2019
    "cascade": FactorVaeProtocol(
        100, 800, 0, None, 0.1, True, keeps_categories=True, equal=True, inactive=True
    ),
    # Zaidi et al. 2020
    "ubisoft": FactorVaeProtocol(200, 800, 800, 0.05, None, False, scaled=True),
}
KL_POINTS = 800  # points that the divergences of the pruning are averaged over


@dataclass(frozen=True)
class FactorVaeScore:
    """A score and what it came from.

    Attributes:
        score: in [0, 1]; below 0 for worse than chance where the protocol scales it.
        active: ``(D,)``, which dimensions were voted for or could be.
        votes: ``(D, F)``, those that made the classifier.
        smallest_batch: points in the smallest batch; below the protocol's where a factor's value is
            rare in the sample.
    """

    score: float
    active: Bits
    votes: Integers
    smallest_batch: int


def factor_vae(
    sample: Representation, protocol: FactorVaeProtocol, train: int, rng: np.random.Generator
) -> FactorVaeScore:
    """The score of a sample whose points are independent draws.

    Args:
        train: the first so many points give the dimensions' own variances (10,000 in every
            protocol).

    Raises:
        ValueError: a protocol that prunes by divergence, of a sample that has none.
        UserError: a factor of which no two points share a value.
    """
    scale = spreads(sample, sample.values[None, :train], protocol.gini)[0]
    active = scale > 0
    if protocol.least_std is not None:
        active &= sample.values[:train].std(axis=0, ddof=1) >= protocol.least_std
    if protocol.least_kl is not None:
        if sample.kl is None:
            raise ValueError("pruning by divergence needs one per dimension")
        told = sample.kl > protocol.least_kl
        active &= told | sample.categorical if protocol.keeps_categories else told
    peers = [
        Peers(column, name) for column, name in zip(sample.factors.T, sample.names, strict=True)
    ]
    table = np.zeros((len(active), len(peers)), np.int64)
    if not active.any():
        none = 1 / len(peers) if protocol.inactive else 0.0
        return FactorVaeScore(none, active, table, 0)
    table, smallest = _votes(sample, protocol, protocol.train_votes, scale, active, peers, rng)
    classifier = table.argmax(1)
    scored = table
    if protocol.test_votes:
        scored, least = _votes(sample, protocol, protocol.test_votes, scale, active, peers, rng)
        smallest = min(smallest, least)
    hits = scored[np.arange(len(active)), classifier].sum()
    score, chance = float(hits / scored.sum()), 1 / len(peers)
    if protocol.scaled and chance < 1:
        score = (score - chance) / (1 - chance)
    return FactorVaeScore(score, active, table, smallest)


def spreads(sample: Representation, values: Floats, gini: bool) -> Floats:
    """Variances ``(m, D)`` of batches of values ``(m, L, D)``, unbiased for any L;
    of categories Gini's if asked.
    """
    result: Floats = values.var(axis=1, ddof=1)
    if gini:
        width = values.shape[1]
        for dimension in np.flatnonzero(sample.categorical):
            index = values[:, :, dimension]
            shares = np.stack(
                [(index == k).mean(1) for k in np.unique(sample.values[:, dimension])]
            )
            result[:, dimension] = width / (width - 1) * (1 - np.square(shares).sum(0)) / 2
    return result


def _votes(
    sample: Representation,
    protocol: FactorVaeProtocol,
    count: int,
    scale: Floats,
    active: Bits,
    peers: list[Peers],
    rng: np.random.Generator,
) -> tuple[Integers, int]:
    table = np.zeros((len(active), len(peers)), np.int64)
    smallest = protocol.batch
    drawn = np.arange(count) if protocol.equal else rng.integers(len(peers), size=count)
    per_factor = np.bincount(drawn % len(peers), minlength=len(peers))
    relative = np.where(active, scale, np.nan)
    for factor, (own, wanted) in enumerate(zip(peers, per_factor.tolist(), strict=True)):
        for rows in own.batches(wanted, protocol.batch, rng):
            found = spreads(sample, sample.values[rows], protocol.gini) / relative
            np.add.at(table[:, factor], np.nanargmin(found, axis=1), 1)
            smallest = min(smallest, rows.shape[1])
    return table, smallest
