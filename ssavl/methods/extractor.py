"""The extractor: a classifier of real images, trained with their labels.

It judges images, and trains or selects nothing of ours.
"""

from __future__ import annotations

from functools import partial

import torch
from torch.nn import functional as F

from ssavl.engine.act import Act
from ssavl.engine.phase import Phase
from ssavl.images.draws import Draws
from ssavl.methods.method import Leaves, Method
from ssavl.methods.shared import Terms
from ssavl.networks.classifier import Classifier
from ssavl.networks.trunk import Trunk
from ssavl.objectives.invariances import Invariances
from ssavl.params.stages import TrainExtractorParams


def build(params: TrainExtractorParams, data: Draws, classes: int, rng: torch.Generator) -> Method:
    """An untrained classifier, and the one phase that trains it.

    Args:
        classes: how many there are.
        rng: draws transformations.

    Raises:
        ValueError: an image size that no network here can read.
    """
    network = Classifier(Trunk(data.image_shape, params.width, params.features), classes)
    invariances = Invariances.of(params.invariances)
    terms = partial(classifier_terms, network, invariances, data, params.piece, rng)
    phase = Phase("classifier", ("classifier",), terms)
    return Method({"classifier": network}, (Act("classifier", (phase,), params),), Leaves())


def classifier_terms(
    classifier: Classifier,
    invariances: Invariances,
    data: Draws,
    batch_size: int,
    rng: torch.Generator,
    update: int,
) -> Terms:
    """Cross-entropy in nats on randomly transformed images, and the share of right answers."""
    x, labels = data.labelled(batch_size)
    logits = classifier(invariances(x, rng))
    correct = (logits.argmax(-1) == labels).float()
    return {"loss": F.cross_entropy(logits, labels, reduction="none"), "accuracy": correct}
