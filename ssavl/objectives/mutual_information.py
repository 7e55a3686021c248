r"""The variational bound on the mutual information between codes and images (Eqs. 21, 24; InfoGAN, Chen et al. 2016).

.. math:: I(u; G(z, u)) \ge \mathbb E[\log q_\omega(u \mid x')] + H(u) = L_{MI}, \qquad u = (d, c).
"""

from __future__ import annotations

from torch import Tensor

from ssavl.latents import Posterior


def code_nll(posterior: Posterior, latents: Tensor) -> dict[str, Tensor]:
    """``-log q(block | x_gen)`` in nats per block, shape ``(B,)`` each, of the latents that made ``x_gen``.

    Cross-entropy for a category, Gaussian negative log-likelihood in the base variable u, up to the Jacobian of the
    prior, for a code. Adding it to the prior's entropy gives the block's share of L_MI.
    """
    return {name: -log_prob for name, log_prob in posterior.log_prob(latents).items()}


def ramp(step: int, start: int, length: int) -> float:
    """Warm-up weight at ``step``: 0 before ``start``, then linear to 1 over ``length`` steps."""
    if step < start:
        return 0.0
    return min(1.0, (step - start + 1) / length) if length > 0 else 1.0
