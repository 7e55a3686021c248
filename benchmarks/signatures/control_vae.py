"""ControlVAE: the divergence is held at a set point, above a VAE's own and below."""

from __future__ import annotations

from aggregate import autoencoder, beside, figures, plain
from signature import Signature

# Rates that fall to 0: the last weights of a constant one are off by as much as a batch is.
CALM = {"iterations": 3000, "decay": 1500}


def measure(seed: int) -> Signature:
    """At .6 and at 1.4 times the VAE's."""
    own, told, near = plain(seed)["kl"], {}, True
    for side, share in (("below", 0.6), ("above", 1.4)):
        target = share * own
        params = {"target": target, "integral": 0.003}
        found = figures(autoencoder("control-vae", seed, params, **CALM))
        told |= {
            f"{side}_target": target,
            f"{side}_kl": found["kl"],
            f"{side}_error": found["error"],
        }
        near = near and abs(found["kl"] / target - 1) < 0.03
    claim = "kl within 3 % of its target from both sides"
    return Signature("control-vae", "vae", claim, beside(told, seed), near)
