"""WWAE: the moments of the aggregated posterior are nearer to the prior's than a VAE's."""

from __future__ import annotations

from aggregate import autoencoder, beside, figures, plain
from signature import Signature


def measure(seed: int) -> Signature:
    """By the Wasserstein distance, on held-out digits."""
    found = figures(autoencoder("wwae", seed))
    claim = "w2 below vae_w2, and error below vae_error"
    reached = found["w2"] < plain(seed)["w2"] and found["error"] < plain(seed)["error"]
    return Signature("wwae", "vae", claim, beside(found, seed), reached)
