"""NCP-VAE: draws of the reweighted prior are nearer to the data than the same VAE's."""

from __future__ import annotations

from dataclasses import replace

from aggregate import PACE, autoencoder
from samples import figures
from signature import Signature

from ssavl.networks.reweighted import ReweightedGenerator
from ssavl.objectives.likelihood import Likelihood

PRECISE = Likelihood("gaussian", 0.1)  # where the posteriors' mixture is not the prior


def measure(seed: int) -> Signature:
    """Of one generator under both priors."""
    own = {"vae": PACE, "width": 64, "depth": 2}
    method = autoencoder("ncp-vae", seed, own, likelihood=PRECISE, iterations=1000, decay=500)
    generator = method.leaves.generator
    assert isinstance(generator, ReweightedGenerator)
    found = figures(method)
    plain = figures(replace(method, leaves=replace(method.leaves, generator=generator.generator)))
    told = {**found, **{f"vae_{name}": value for name, value in plain.items()}}
    claim = "frechet below .9 vae_frechet"
    reached = found["frechet"] < 0.9 * plain["frechet"]
    return Signature("ncp-vae", "the same vae", claim, told, reached)
