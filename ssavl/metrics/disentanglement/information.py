r"""What each dimension knows of each factor, in nats: the mutual information gap, and modularity.

MIG (Chen et al. 2018): :math:`\frac1F \sum_f (I_{(1) f} - I_{(2) f}) / H(f)`, the two dimensions
that know most of f. With B bins a dimension tells at most B values apart, so that a factor of more
values has a gap below 1 even for the factor itself: of 40 equally frequent values, 20 bins leave
:math:`\log 20 / \log 40 = 0.81`.

Modularity (Ridgeway & Mozer 2018):
:math:`\frac1D \sum_d 1 - \sum_{f \ne f_d} I_{df}^2 / (I_{d f_d}^2 (F - 1))` with :math:`f_d` the
factor that d knows most of; 0 for a dimension that knows nothing.
"""

from __future__ import annotations

import numpy as np
from scipy import stats
from sklearn.metrics import mutual_info_score

from ssavl.metrics.disentanglement.representation import Floats, Integers, Representation


def mutual_information(sample: Representation, bins: int) -> Floats:
    """``(D, F)`` in nats, dimensions in ``bins`` bins of equal width;
    a category stands for itself.
    """
    table = np.empty((sample.values.shape[1], sample.factors.shape[1]))
    for d, (column, category) in enumerate(zip(sample.values.T, sample.categorical, strict=True)):
        if not category:
            inner_edges = np.histogram_bin_edges(column, bins)[1:-1]
            column = np.digitize(column, inner_edges)
        for f, factor in enumerate(sample.factors.T):
            table[d, f] = mutual_info_score(factor, column)
    return table


def entropies(factors: Integers) -> Floats:
    """``(F,)`` in nats, of the values as they occur in the sample."""
    return np.array([stats.entropy(np.bincount(column)) for column in factors.T])


def mig(information: Floats, entropy: Floats) -> float:
    """The gap from information ``(D, F)`` and entropies ``(F,)``;
    the second of a single dimension knows nothing.
    """
    return float((gaps(information) / entropy).mean())


def modularity(information: Floats) -> float:
    """From information ``(D, F)``."""
    squares = np.square(information)
    most = squares.max(axis=1)
    knows = most > 0
    rest = (squares.sum(axis=1) - most)[knows] / (most[knows] * (squares.shape[1] - 1))
    return float((1 - rest).sum() / len(squares))


def gaps(table: Floats) -> Floats:
    """The largest entry of each column of ``(D, F)`` above the second largest, ``(F,)``;
    0 stands in for a second.
    """
    descending = np.sort(table, axis=0)[::-1]
    if len(descending) == 1:
        return descending[0]
    return descending[0] - descending[1]
