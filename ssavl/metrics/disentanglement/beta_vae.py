"""The BetaVAE score (Higgins et al. 2017):
can a linear classifier tell which factor two batches share?
"""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from ssavl.metrics.disentanglement.peers import Peers
from ssavl.metrics.disentanglement.representation import Floats, Integers, Representation

BATCH = 64  # pairs whose absolute differences are averaged
STEPS = 1000  # of the classifier's optimiser, at most
CHUNK = 500  # averages at a time


def beta_vae(
    sample: Representation, train: int, test: int, rng: np.random.Generator, batch: int = BATCH
) -> float:
    """Accuracy on ``test`` averages of a logistic regression fitted to ``train``; 1 / F is chance.

    A category enters by the index of its likeliest value.

    Raises:
        UserError: a factor of which no two points share a value.
    """
    peers = [
        Peers(column, name) for column, name in zip(sample.factors.T, sample.names, strict=True)
    ]
    parts = []
    for count in (train, test):
        shared = rng.integers(len(peers), size=count)
        parts.append((_differences(sample.values, peers, shared, batch, rng), shared))
    (x, y), (x_test, y_test) = parts
    return float(LogisticRegression(max_iter=STEPS).fit(x, y).score(x_test, y_test))


def _differences(
    values: Floats, peers: list[Peers], shared: Integers, batch: int, rng: np.random.Generator
) -> Floats:
    result = np.empty((len(shared), values.shape[1]))
    for factor, own in enumerate(peers):
        places = np.flatnonzero(shared == factor)
        for start in range(0, len(places), CHUNK):
            chunk = places[start : start + CHUNK]
            one, other = own.pairs((len(chunk), batch), rng)
            result[chunk] = np.abs(values[one] - values[other]).mean(axis=1)
    return result
