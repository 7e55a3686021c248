"""Separated attribute predictability (Kumar et al. 2018):
how far one dimension predicts a factor better than others.

A linear support vector machine reads each factor from each dimension alone (C = 0.01, balanced
classes, as in disentanglement_lib). A category enters by the index of its likeliest value.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from sklearn.svm import LinearSVC

from ssavl.metrics.disentanglement.information import gaps
from ssavl.metrics.disentanglement.representation import Floats, Integers, Representation

PENALTY = 0.01


def predictability(train: Representation, test: Representation, jobs: int) -> Floats:
    """Accuracy ``(D, F)`` on the test points of each dimension alone.

    Args:
        jobs: fits at a time.
    """
    dimensions, factors = train.values.shape[1], train.factors.shape[1]
    pairs = [(d, f) for d in range(dimensions) for f in range(factors)]

    def accuracy(pair: tuple[int, int]) -> float:
        d, f = pair
        x, x_test = train.values[:, d], test.values[:, d]
        y, y_test = train.factors[:, f], test.factors[:, f]
        return _accuracy(x, y, x_test, y_test)

    with ThreadPoolExecutor(jobs) as pool:
        found = list(pool.map(accuracy, pairs))
    return np.array(found).reshape(dimensions, factors)


def sap(train: Representation, test: Representation, jobs: int) -> tuple[float, Floats]:
    """The mean gap over the factors, and the accuracies ``(D, F)`` that it comes from."""
    table = predictability(train, test, jobs)
    if len(table) == 1:  # beside a single dimension stands one that knows nothing
        nothing = [
            _accuracy(np.zeros(len(train)), y, np.zeros(len(test)), y_test)
            for y, y_test in zip(train.factors.T, test.factors.T, strict=True)
        ]
        return float(gaps(np.stack([table[0], nothing])).mean()), table
    return float(gaps(table).mean()), table


def _accuracy(x: Floats, y: Integers, x_test: Floats, y_test: Integers) -> float:
    model = LinearSVC(C=PENALTY, class_weight="balanced", random_state=0).fit(x[:, None], y)
    return float(model.score(x_test[:, None], y_test))
