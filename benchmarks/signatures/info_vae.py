"""InfoVAE: the aggregated posterior is nearer to the prior than a VAE's."""

from __future__ import annotations

from aggregate import autoencoder, beside, figures, plain
from signature import Signature


def measure(seed: int) -> Signature:
    """By MMD, on held-out digits."""
    found = figures(autoencoder("info-vae", seed))
    claim = "mmd below vae_mmd, and error below vae_error"
    reached = found["mmd"] < plain(seed)["mmd"] and found["error"] < plain(seed)["error"]
    return Signature("info-vae", "vae", claim, beside(found, seed), reached)
