"""InfoGAN: a category that it was never told finds the classes of real images."""

from __future__ import annotations

import torch
from aggregate import NETWORKS
from digits import digits
from signature import Signature
from train import trained

from ssavl.metrics.clustering import clustering, kmeans_categories
from ssavl.models.inference import InferenceModel

LATENTS = {"noise": 62, "code": 2, "categories": 10}
PACE = {"iterations": 3000, "batch_size": 64, "learning_rate": 0.001, "adam_betas": (0.5, 0.999)}


def by_category(seed: int) -> float:
    """Accuracy of q(d | x), matched to classes one-to-one, on the test digits."""
    own = digits()
    method = trained("infogan", own.images, seed, latents=LATENTS, networks=NETWORKS, **PACE)
    model = InferenceModel(method.leaves.encoders, "own").eval()
    with torch.no_grad():
        category = model.space.split(model.mode(own.test_images))["category"].argmax(-1)
    return clustering(category.numpy(), own.test_labels.numpy())["accuracy"]


def by_clusters(seed: int) -> float:
    """The same of k-means of pixels."""
    own = digits()
    train, test = (x.flatten(1).numpy() for x in (own.images, own.test_images))
    found = kmeans_categories(train, test, 10, seed, 10)
    return clustering(found, own.test_labels.numpy())["accuracy"]


def measure(seed: int) -> Signature:
    """On held-out digits; chance is .1."""
    figures = {"accuracy": by_category(seed), "kmeans_accuracy": by_clusters(seed)}
    claim = "accuracy above kmeans_accuracy"
    reached = figures["accuracy"] > figures["kmeans_accuracy"]
    return Signature("infogan", "k-means of pixels", claim, figures, reached)
