"""MAE: latents say more of the image than a VAE's, at no worse a reconstruction."""

from __future__ import annotations

from aggregate import autoencoder, beside, figures, plain
from signature import Signature


def measure(seed: int) -> Signature:
    """In nats, on held-out digits."""
    found = figures(autoencoder("mae", seed, {"eta": 5.0, "gamma": 0.01}))
    claim = "information above vae_information, and error at most 1.02 vae_error"
    more = found["information"] > plain(seed)["information"]
    reached = more and found["error"] <= 1.02 * plain(seed)["error"]
    return Signature("mae", "vae", claim, beside(found, seed), reached)
