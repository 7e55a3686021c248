"""beta-VAE: the divergence goes where its capacity is."""

from __future__ import annotations

from aggregate import autoencoder, beside, figures
from signature import Signature


def measure(seed: int) -> Signature:
    """Ten nats on digits."""
    capacity = 10.0
    own = {"capacity": capacity, "length": 500}
    found = figures(autoencoder("beta-vae", seed, own))
    near = abs(found["kl"] / capacity - 1) < 0.05
    told = {"capacity": capacity, **beside(found, seed)}
    claim = "kl within 5 % of the capacity"
    return Signature("beta-vae", "vae", claim, told, near)
