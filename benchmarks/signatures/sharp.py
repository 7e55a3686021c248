"""Whether draws are sharper than a VAE's, and nearer to the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aggregate import autoencoder
from digits import digits
from samples import figures, sharpness
from signature import Signature


def beside_vae(
    name: str, seed: int, own: Mapping[str, Any], *, iterations: int, **changed: Any
) -> Signature:
    """A method's draws and the VAE's, of as many iterations; ``changed`` is of the method alone."""
    found = figures(autoencoder(name, seed, own, iterations=iterations, **changed))
    plain = figures(autoencoder("vae", seed, iterations=iterations))
    real = sharpness(digits().test_images)
    nearer = abs(found["sharpness"] - real) < abs(plain["sharpness"] - real)
    told = {**found, **{f"vae_{key}": value for key, value in plain.items()}}
    claim = "frechet below vae_frechet, and sharpness nearer to real_sharpness than vae_sharpness"
    reached = found["frechet"] < plain["frechet"] and nearer
    return Signature(name, "vae", claim, {**told, "real_sharpness": real}, reached)
