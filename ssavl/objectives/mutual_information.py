r"""The variational bound on the mutual information between codes and images (Eqs. 21, 24; InfoGAN,
Chen et al. 2016).

.. math:: I(u; G(z, u)) \ge \mathbb E[\log q_\omega(u \mid x')] + H(u) = L_{MI}, \qquad u = (d, c).
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ssavl.latents.space import Factorised


def code_nll(
    posterior: Factorised, latents: Tensor, shares: Mapping[str, Tensor] | None = None
) -> dict[str, Tensor]:
    """``-log q(block | x_gen)`` in nats per block, shape ``(B,)`` each,
    of the latents that made ``x_gen``.

    Cross-entropy for a category, Gaussian negative log-likelihood in the base variable u, up to the
    Jacobian of the prior, for a code. Adding it to the prior's entropy gives the block's share of
    L_MI.

    Args:
        shares: of some blocks, by name, how much each dimension counts, ``(dim,)``.
    """
    shares = shares or {}
    terms = posterior.log_prob_terms(latents)
    return {
        name: -(term * shares[name] if name in shares else term).sum(-1)
        for name, term in terms.items()
    }
