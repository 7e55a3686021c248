r"""Calibration without data: the generator's latents are known,
so posteriors can be held against them.

Simulation-based calibration (Talts et al. 2018): if :math:`z \sim p(z)`, :math:`x = G(z)` and
q(z | x) is right, the rank of z under q(z | x) is uniform. A Gaussian's rank is exact,
:math:`\Phi((u - \mu) / \sigma)` in base space, as if infinitely many draws had been ranked. A
category's is its place in the order of falling probability, spread at random over its own
probability, so that it is uniform too. A credible set of level :math:`\alpha` - the central
interval, the likeliest categories - must then hold the truth for a share :math:`\alpha` of the
images (expected coverage, Hermans et al. 2022).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from ssavl.latents.posterior import Posterior
from ssavl.latents.priors import Block
from ssavl.latents.space import Factorised

Floats = NDArray[np.float64]

LEVELS: Floats = np.linspace(0.05, 0.95, 19)
BINS = 20  # of a rank histogram
CONFIDENCE = 0.95  # of every band


@dataclass(frozen=True)
class Calibration:
    """One block's calibration over N images.

    Attributes:
        histogram: share of the ranks in each of ``BINS`` equal bins of [0, 1]; right is flat.
        coverage: share of truths inside the credible set of each of ``LEVELS``; right is the level
            itself.
        half_band: half the width of the coverage's confidence band at each level, from the spread
            between images.
    """

    histogram: Floats
    coverage: Floats
    half_band: Floats

    @property
    def error(self) -> float:
        """Mean distance of coverage from its level; 0 is calibrated, .25 useless."""
        return float(np.abs(self.coverage - LEVELS).mean())

    @property
    def within(self) -> float:
        """Share of the levels at which the nominal value is inside the band;
        a calibrated posterior has about .95.
        """
        return float((np.abs(self.coverage - LEVELS) <= self.half_band).mean())

    @property
    def overconfident(self) -> float:
        """Mean of level minus coverage: positive where credible sets are too small."""
        return float((LEVELS - self.coverage).mean())

    def table(self) -> dict[str, list[float]]:
        """Plain lists, for a file."""
        return {
            "rank_histogram": self.histogram.tolist(),
            "level": LEVELS.tolist(),
            "coverage": self.coverage.tolist(),
            "half_band": self.half_band.tolist(),
        }


def ranks(posterior: Posterior, latents: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
    """The rank in [0, 1] of each latent under its posterior, ``(B, dim)`` per block,
    ``(B, 1)`` of a category. None where the posterior does not tell its blocks apart.

    Args:
        posterior: of the images that ``latents`` made.
        latents: ``(B, posterior.space.dim)``.
        rng: spreads a category's rank over its probability.
    """
    if not isinstance(posterior, Factorised):
        return {}
    truth = posterior.space.split(posterior.space.to_base(latents))
    result = {}
    for block in posterior.space.blocks:
        if block.role != "category":
            result[block.name] = posterior.gaussian(block.name).cdf(truth[block.name])
            continue
        probabilities = posterior.probabilities(block.name)
        own = (probabilities * truth[block.name]).sum(-1, keepdim=True)
        likelier = torch.where(probabilities > own, probabilities, 0.0).sum(-1, keepdim=True)
        spread = torch.rand(own.shape, generator=rng, device=rng.device)
        result[block.name] = (likelier + spread * own).clamp(0, 1)
    return result


def calibration(
    all_ranks: Mapping[str, Tensor], categories: Iterable[Block]
) -> dict[str, Calibration]:
    """Each block's calibration from the ranks of N images, ``(N, dim)`` each.

    Args:
        categories: blocks whose credible sets hold the likeliest values rather than the central
            ones.
    """
    ordered = {block.name for block in categories}
    result = {}
    for name, tensor in all_ranks.items():
        rank = tensor.double().cpu().numpy()
        # the level at which the truth enters the set
        depth = rank if name in ordered else np.abs(2 * rank - 1)
        # (N, levels): dimensions of one image are not independent
        inside = (depth[:, :, None] <= LEVELS).mean(1)
        deviation = inside.std(0, ddof=1) / np.sqrt(len(inside))
        histogram, _ = np.histogram(rank, BINS, (0, 1))
        half_band = stats.norm.ppf((1 + CONFIDENCE) / 2) * deviation
        result[name] = Calibration(histogram / rank.size, inside.mean(0), half_band)
    return result
