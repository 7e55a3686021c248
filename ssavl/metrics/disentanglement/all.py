"""Every disentanglement metric of one sample, whose points were encoded once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ssavl.metrics.disentanglement.beta_vae import beta_vae
from ssavl.metrics.disentanglement.dci import dci
from ssavl.metrics.disentanglement.factor_vae import PRESETS, factor_vae
from ssavl.metrics.disentanglement.information import entropies, mig, modularity, mutual_information
from ssavl.metrics.disentanglement.representation import Representation
from ssavl.metrics.disentanglement.sap import sap


@dataclass(frozen=True)
class Disentanglement:
    """What was found.

    Attributes:
        scores: by name, in [0, 1]; a preset of the FactorVAE score that prunes by divergence is
            ``None`` for codes that come without.
        tables: what they came from, plain lists.
    """

    scores: dict[str, float | None]
    tables: dict[str, Any]


def disentanglement(
    sample: Representation, train: int, test: int, bins: int, trees: int, seed: int, jobs: int
) -> Disentanglement:
    """All scores of a sample.

    Args:
        sample: points in any order; they are shuffled by ``seed``.
        train: points for histograms and classifiers.
        test: further points that classifiers are scored on; a sample too small for both is shared
            out alike.
        bins, trees: as :func:`mutual_information` and :func:`dci` have them.
        jobs: fits of scikit-learn at a time; no result depends on it.

    Raises:
        UserError: fewer than two factors that vary, a factor of which no two points share a value.
    """
    rngs = [np.random.default_rng([seed, stream]) for stream in range(2 + len(PRESETS))]
    points = min(len(sample), train + test)
    split = round(points * train / (train + test))
    sample = sample.rows(rngs[0].permutation(len(sample))[:points]).varying(slice(split))
    first, rest = sample.rows(slice(split)), sample.rows(slice(split, None))
    scores: dict[str, float | None] = {}
    votes = {}
    for (name, protocol), rng in zip(PRESETS.items(), rngs[2:], strict=True):
        if protocol.least_kl is not None and sample.kl is None:
            scores[f"factor_vae_{name}"] = None
            continue
        found = factor_vae(sample, protocol, split, rng)
        scores[f"factor_vae_{name}"] = found.score
        active = [d for d, on in zip(sample.dimensions, found.active, strict=True) if on]
        smallest, counts = found.smallest_batch, found.votes.tolist()
        votes[name] = {"active": active, "smallest_batch": smallest, "votes": counts}
    information = mutual_information(first, bins)
    separated, accuracies = sap(first, rest, jobs)
    trees_found = dci(first, rest, trees, jobs)
    scores |= {
        "beta_vae": beta_vae(sample, train, test, rngs[1]),
        "mig": mig(information, entropies(first.factors)),
        "sap": separated,
        "dci_disentanglement": trees_found.disentanglement,
        "dci_completeness": trees_found.completeness,
        "dci_informativeness": trees_found.informativeness,
        "modularity": modularity(information),
    }
    tables = {
        "dimensions": list(sample.dimensions),
        "factors": list(sample.names),
        "train": len(first),
        "test": len(rest),
        "kl": None if sample.kl is None else sample.kl.tolist(),
        "mutual_information": information.tolist(),
        "single_dimension_accuracy": accuracies.tolist(),
        "importances": trees_found.importances.tolist(),
        "factor_vae": votes,
    }
    return Disentanglement(scores, tables)
