"""InfoGAN: a category that it was never told finds the classes of real images."""

from __future__ import annotations

from aggregate import NETWORKS
from digits import digits, sorted_by_category, sorted_by_clusters
from signature import Signature
from train import trained

LATENTS = {"noise": 62, "code": 2, "categories": 10}
PACE = {"iterations": 3000, "batch_size": 64, "learning_rate": 0.001, "adam_betas": (0.5, 0.999)}


def measure(seed: int) -> Signature:
    """On held-out digits; chance is .1."""
    images = digits().images
    method = trained("infogan", images, seed, latents=LATENTS, networks=NETWORKS, **PACE)
    of_pixels = sorted_by_clusters(lambda x: x.flatten(1), seed)
    figures = {"accuracy": sorted_by_category(method), "kmeans_accuracy": of_pixels}
    claim = "accuracy above kmeans_accuracy"
    reached = figures["accuracy"] > figures["kmeans_accuracy"]
    return Signature("infogan", "k-means of pixels", claim, figures, reached)
