"""beta-TCVAE: less total correlation than a beta-VAE's, and no worse a reconstruction."""

from __future__ import annotations

from correlation import beside_beta_vae
from signature import Signature


def measure(seed: int) -> Signature:
    """On small sprites."""
    return beside_beta_vae("beta-tcvae", seed, {"beta": 8.0})
