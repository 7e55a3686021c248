r"""Disentanglement, completeness, informativeness (Eastwood & Williams 2018).

Gradient-boosted trees read each factor from the whole code; :math:`R_{df}` is the importance of
dimension d for factor f. Disentanglement is :math:`\sum_d \rho_d (1 - H_F(R_d))` with the entropy,
to the base F, of d's importances for the factors, and :math:`\rho_d` d's share of all importance;
completeness is the same of the factors over the dimensions; informativeness the trees' accuracy on
test points, as in disentanglement_lib (Eastwood & Williams have an error). A category enters by the
index of its likeliest value.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy import stats
from sklearn.ensemble import GradientBoostingClassifier

from ssavl.metrics.disentanglement.representation import Floats, Integers, Representation


@dataclass(frozen=True)
class Dci:
    """The three scores in [0, 1], and the importances ``(D, F)`` that two of them come from."""

    disentanglement: float
    completeness: float
    informativeness: float
    importances: Floats


def dci(train: Representation, test: Representation, trees: int, jobs: int) -> Dci:
    """The scores of a code.

    Args:
        trees: boosting rounds; each grows a tree per value of the factor.
        jobs: factors at a time.
    """

    def fit(factor: int) -> tuple[Floats, float]:
        y, y_test = train.factors[:, factor], test.factors[:, factor]
        return _fit(train.values, y, test.values, y_test, trees)

    with ThreadPoolExecutor(jobs) as pool:
        fits = list(pool.map(fit, range(train.factors.shape[1])))
    importances = np.stack([importance for importance, _ in fits], axis=1)
    accuracy = float(np.mean([score for _, score in fits]))
    return Dci(concentration(importances), concentration(importances.T), accuracy, importances)


def concentration(importances: Floats) -> float:
    """How far each row of ``(R, C)`` leans on one column, 0 to 1, weighted by the rows' sums;
    0 of a table of zeros.
    """
    weights = importances.sum(axis=1)
    if not weights.any():
        return 0.0
    used = weights > 0
    # Of a single column the entropy is 0 to any base.
    spread = stats.entropy(importances[used], axis=1) / math.log(max(2, importances.shape[1]))
    return float((weights[used] * (1 - spread)).sum() / weights.sum())


def _fit(
    x: Floats, y: Integers, x_test: Floats, y_test: Integers, trees: int
) -> tuple[Floats, float]:
    model = GradientBoostingClassifier(n_estimators=trees, random_state=0).fit(x, y)
    # Rounding leaves importances of -6e-18, whose logarithm is none.
    importances: Floats = np.clip(model.feature_importances_, 0, None)
    return importances, float(model.score(x_test, y_test))
