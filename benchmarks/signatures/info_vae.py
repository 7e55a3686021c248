"""InfoVAE: the aggregated posterior is nearer to the prior than a VAE's."""

from __future__ import annotations

from aggregate import autoencoder, beside, figures, plain
from signature import Signature

from ssavl.objectives.likelihood import Likelihood

# Where pixels are told precisely, a VAE's divergence counts little, which is what the paper
# begins with. Rates fall to 0 in the end.
PRECISE = {"likelihood": Likelihood("gaussian", 0.1), "decay": 1000}


def measure(seed: int) -> Signature:
    """By MMD, on held-out digits."""
    found = figures(autoencoder("info-vae", seed, {"weight": 3000.0}, **PRECISE))
    vae = plain(seed, **PRECISE)
    claim = "mmd below vae_mmd, and error below vae_error"
    reached = found["mmd"] < vae["mmd"] and found["error"] < vae["error"]
    return Signature("info-vae", "vae", claim, beside(found, seed, **PRECISE), reached)
