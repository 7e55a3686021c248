"""FactorVAE: less total correlation than a beta-VAE's, and no worse a reconstruction."""

from __future__ import annotations

from correlation import beside_beta_vae
from signature import Signature


def measure(seed: int) -> Signature:
    """On small sprites."""
    return beside_beta_vae("factor-vae", seed, {"gamma": 10.0, "width": 64, "depth": 3})
