r"""The importance-weighted bound on the log-likelihood (Burda et al. 2016).

.. math:: \log p(x) \ge \mathbb E \log
          \frac 1 k \sum_{i=1}^k \frac{p(x \mid u_i) \, p(u_i)}{q(u_i \mid x)},
          \qquad u_i \sim q,

u in base space, where prior and posterior are Gaussian, so that no Jacobian is needed. k = 1 is
surrogate 1 with its divergences drawn instead of in closed form; the bound rises with k and reaches
log p(x) as k grows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ssavl.latents.posterior import Posterior
from ssavl.latents.space import Factorised
from ssavl.objectives.elbo import Density


@torch.no_grad()
def importance_weighted(
    x: Tensor,
    posterior: Posterior,
    density: Density,
    ks: Sequence[int],
    rows: int,
    rng: torch.Generator,
) -> dict[int, Tensor]:
    """The bound in nats for each k, ``(B,)``, all from the same max(ks) draws of the posterior per
    image.

    For a smaller k it is the mean over as many disjoint groups of k draws as there are, so where
    each k divides the next the bounds never fall, whatever the draws. Of a posterior that does
    not tell each block's density in base space there is none.

    Args:
        x: images ``(B, C, H, W)`` in [0, 1].
        posterior: what a model infers from them; blocks that it leaves out come from the prior.
        density: of images given the latents of a generator.
        ks: numbers of draws, 1 or more each.
        rows: images times draws at a time; memory does not depend on k, but which draws an image
            gets depends on this.
        rng: draws what comes from the prior; posterior draws use torch's global generator.
    """
    if not isinstance(posterior, Factorised):
        return {}
    space = density.latent_space
    prior = space.prior(x.device)
    groups = {k: _Groups(k) for k in ks}
    left = max(ks)
    while left:
        count = min(left, max(1, rows // len(x)))
        left -= count
        # (count, B, dim) each
        drawn = {name: q.sample(torch.Size([count])) for name, q in posterior.blocks.items()}
        log_ratios = [
            prior.blocks[name].log_prob(u) - posterior.blocks[name].log_prob(u)
            for name, u in drawn.items()
        ]
        given = space.split(space.to_base(density.draw(count * len(x), rng)))
        base = space.join({**given, **{name: u.flatten(0, 1) for name, u in drawn.items()}})
        log_likelihoods = density.log_prob(x.repeat(count, 1, 1, 1), space.from_base(base))
        log_weights = log_likelihoods.unflatten(0, (count, len(x))) + torch.stack(log_ratios).sum(0)
        for group in groups.values():
            group.add(log_weights.double())
    return {k: group.mean() for k, group in groups.items()}


class _Groups:
    """The mean over groups of k consecutive log-weights of their log-mean-exp,
    one open group in memory.
    """

    def __init__(self, k: int) -> None:
        self.k = k
        self.open: Tensor | None = None  # log-sum-exp (B,) of the group that is not full yet
        self.filled = 0
        self.total: Tensor | float = 0.0
        self.count = 0

    def add(self, log_weights: Tensor) -> None:
        """Take ``(n, B)`` more."""
        head = log_weights[: self.k - self.filled]
        whole = log_weights[len(head) :]
        sums = head.logsumexp(0)
        self.open = sums if self.open is None else torch.logaddexp(self.open, sums)
        self.filled += len(head)
        if self.filled < self.k:
            return
        self._close(self.open[None])
        full = len(whole) // self.k * self.k
        if full:
            self._close(whole[:full].unflatten(0, (-1, self.k)).logsumexp(1))
        rest = whole[full:]
        self.open = rest.logsumexp(0) if len(rest) else None
        self.filled = len(rest)

    def _close(self, sums: Tensor) -> None:
        self.total = self.total + (sums - math.log(self.k)).sum(0)
        self.count += len(sums)

    def mean(self) -> Tensor:
        """``(B,)``; a group that is not full does not count."""
        assert isinstance(self.total, Tensor)
        return self.total / self.count
