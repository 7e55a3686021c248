"""The embedded digits, and a judge of them that is trained here and decides nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor
from train import draws, play

from ssavl.datasets.mnist import embedded
from ssavl.methods import extractor
from ssavl.methods.method import Method
from ssavl.metrics.clustering import clustering, kmeans_categories
from ssavl.models.inference import InferenceModel
from ssavl.networks.classifier import Classifier
from ssavl.params.stages import TrainExtractorParams


@dataclass(frozen=True)
class Digits:
    """Images ``(N, 1, 28, 28)`` in [0, 1], those of the test apart, and their classes."""

    images: Tensor
    labels: Tensor
    test_images: Tensor
    test_labels: Tensor


@cache
def digits() -> Digits:
    """All of them."""
    source = embedded(28, 1)
    images = torch.from_numpy(np.stack(list(source.images()))).float() / 255
    assert source.labels is not None
    labels, n = torch.from_numpy(source.labels), source.counts[0]
    return Digits(images[:n], labels[:n], images[n:], labels[n:])


def judge(seed: int) -> Classifier:
    """A classifier of the training images."""
    torch.manual_seed(seed)
    own = digits()
    data = draws(own.images, seed, own.labels)
    params = TrainExtractorParams(iterations=800, batch_size=64, width=8, features=64, decay=400)
    method = extractor.build(params, data, 10, data.rng)
    play(method.modules, method.acts, data.rng)
    classifier = method.modules["classifier"]
    assert isinstance(classifier, Classifier)
    return classifier


@torch.no_grad()
def kept(method: Method, classifier: Classifier) -> float:
    """The share of test images whose reconstruction has the class of the image, as judged."""
    assert method.leaves.generator is not None
    model = InferenceModel(method.leaves.encoders, "judged").eval()
    generator, rng = method.leaves.generator.eval(), torch.Generator().manual_seed(0)
    x = digits().test_images
    found = classifier(model.reconstruct(x, generator, rng)).argmax(-1)
    return float((found == digits().test_labels).float().mean())


@torch.no_grad()
def sorted_by_category(method: Method) -> float:
    """Accuracy of a method's category on the test digits, matched to classes one-to-one."""
    model = InferenceModel(method.leaves.encoders, "own").eval()
    category = model.space.split(model.mode(digits().test_images))["category"].argmax(-1)
    return clustering(category.numpy(), digits().test_labels.numpy())["accuracy"]


@torch.no_grad()
def sorted_by_clusters(features: Callable[[Tensor], Tensor], seed: int) -> float:
    """The same of k-means of vectors ``(N, D)`` of images, fitted to the training digits."""
    own = digits()
    train, test = (features(x).numpy() for x in (own.images, own.test_images))
    found = kmeans_categories(train, test, 10, seed, 10)
    return clustering(found, own.test_labels.numpy())["accuracy"]
