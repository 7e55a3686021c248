"""BiGAN: encoder and generator become inverses of each other.

The setting was changed after a first one had missed the claim on seed 0; runs on seeds 8 to 10
guided the change.
"""

from __future__ import annotations

from inverses import figures, of_pairs, signature
from signature import Signature


def measure(seed: int) -> Signature:
    """On vectors of one number and of two."""
    found = figures(seed, of_pairs, stochastic=False, noise=0.1, iterations=4000, rate=0.002)
    return signature("bigan", found)
