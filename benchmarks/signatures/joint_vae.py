"""JointVAE: its category finds the classes, better than clusters of a VAE's latents do."""

from __future__ import annotations

from aggregate import NETWORKS, autoencoder
from digits import digits, sorted_by_category, sorted_by_clusters
from signature import Signature
from train import trained

from ssavl.models.inference import InferenceModel

LATENTS = {"noise": 10, "code": 0, "categories": 10}
CAPACITIES = {"continuous": 5.0, "category": 5.0, "gamma": 30.0, "length": 2000}
PACE = {"iterations": 3000, "batch_size": 64, "learning_rate": 0.002, "decay": 1000}
TRAININGS = 3  # for one measurement: they differ widely, as the paper's do


def by_category(seed: int) -> float:
    """Accuracy of JointVAE's category, matched to classes one-to-one, on the test digits."""
    own = digits()
    method = trained(
        "joint-vae", own.images, seed, CAPACITIES, latents=LATENTS, networks=NETWORKS, **PACE
    )
    return sorted_by_category(method)


def by_clusters(seed: int) -> float:
    """The same of k-means of a VAE's means."""
    model = InferenceModel(autoencoder("vae", seed).leaves.encoders, "own").eval()
    return sorted_by_clusters(model.mode, seed)


def measure(seed: int) -> Signature:
    """Three trainings of each."""
    seeds = [TRAININGS * seed + i for i in range(TRAININGS)]
    own, base = [by_category(one) for one in seeds], [by_clusters(one) for one in seeds]
    figures = {f"accuracy_{i + 1}": value for i, value in enumerate(own)}
    figures |= {f"vae_accuracy_{i + 1}": value for i, value in enumerate(base)}
    mean, vae_mean = (sum(found) / TRAININGS for found in (own, base))
    figures |= {"mean": mean, "vae_mean": vae_mean, "spread": max(own) - min(own)}
    claim = "mean accuracy of three trainings above vae_mean by .1 or more"
    return Signature("joint-vae", "k-means of a vae", claim, figures, mean >= vae_mean + 0.1)
