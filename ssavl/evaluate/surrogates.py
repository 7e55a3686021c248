"""Means of the surrogates over the images of a split, and how well their draws tell them."""

from __future__ import annotations

import torch
from torch import Tensor

from ssavl.latents.posterior import Posterior, Scored
from ssavl.metrics.likelihood.surrogates import bound_draws, divergences, mean_of
from ssavl.objectives.elbo import Density


class SurrogateMeans:
    """Gathered batch by batch."""

    def __init__(self) -> None:
        self.terms: dict[str, list[Tensor]] = {}
        self.variances: dict[str, list[Tensor]] = {}

    def add(
        self, x: Tensor, posterior: Posterior, density: Density, samples: int, rng: torch.Generator
    ) -> None:
        """Take the images ``(B, C, H, W)`` into account; nothing of a posterior without a density.
        Arguments as of :func:`ssavl.metrics.likelihood.surrogates.surrogates`.
        """
        if not isinstance(posterior, Scored):
            return
        for name, kl in divergences(posterior).items():
            self.terms.setdefault(name, []).append(kl.double().cpu())
        for name, values in bound_draws(x, posterior, density, samples, rng):
            self.terms.setdefault(name, []).append(mean_of(values).double().cpu())
            if samples > 1:
                variance = torch.stack(values).double().var(0) / samples
                self.variances.setdefault(name, []).append(variance.cpu())

    def means(self) -> dict[str, float]:
        """By name, in nats; ``<bound>_error`` is the standard error that the draws leave in the
        mean of a bound. That of the choice of images is not in it.
        """
        found = {name: torch.cat(parts).mean().item() for name, parts in self.terms.items()}
        for name, parts in self.variances.items():
            variance = torch.cat(parts)
            found[f"{name}_error"] = (variance.mean() / len(variance)).sqrt().item()
        return found
