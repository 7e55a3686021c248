"""A classifier of real images, trained with their labels:
it judges images, and trains or selects nothing of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from ssavl.engine.phase import Phase
from ssavl.networks.classifier import Classifier
from ssavl.networks.layout import ImageShape
from ssavl.networks.trunk import Trunk
from ssavl.objectives.invariances import Invariances
from ssavl.params.stages import TrainExtractorParams

DrawLabelled = Callable[[int], tuple[Tensor, Tensor]]  # n -> n real images and their classes (n,)


def build_classifier(
    params: TrainExtractorParams, image_shape: ImageShape, classes: int
) -> Classifier:
    """An untrained classifier.

    Raises:
        ValueError: an image size that no network here can read.
    """
    return Classifier(Trunk(image_shape, params.width, params.features), classes)


def classifier_phases(
    classifier: Classifier,
    params: TrainExtractorParams,
    labelled: DrawLabelled,
    rng: torch.Generator,
) -> list[Phase]:
    """The one phase, over the module ``classifier``:
    cross-entropy in nats on randomly transformed images.

    Args:
        labelled: draws real images ``(n, C, H, W)`` in [0, 1] with their classes.
        rng: draws transformations.
    """
    invariances = Invariances(**params.invariances.model_dump())

    def loss(update: int) -> Mapping[str, Tensor]:
        x, labels = labelled(params.batch_size)
        logits = classifier(invariances(x, rng))
        correct = (logits.argmax(-1) == labels).float()
        return {"loss": F.cross_entropy(logits, labels, reduction="none"), "accuracy": correct}

    return [Phase("classifier", ("classifier",), loss)]
