r"""Calibration without data: the generator's latents are known,
so posteriors can be held against them.

Simulation-based calibration (Talts et al. 2018): if :math:`z \sim p(z)`, :math:`x = G(z)` and
q(z | x) is right, the rank of z under q(z | x) is uniform. A Gaussian's rank is exact,
:math:`\Phi((u - \mu) / \sigma)` in base space, as if infinitely many draws had been ranked. A
category's is its place in the order of falling probability, spread at random over the probability
of all values that are as likely as itself, so that it is uniform too. A credible set of level
:math:`\alpha` - the central interval, the likeliest categories - must then hold the truth for a
share :math:`\alpha` of the images (expected coverage, Hermans et al. 2022).

A point of a sphere has no radius in base space. One is drawn from the posterior, given the point's
direction (:mod:`ssavl.latents.radius`): if the direction is the posterior's, so is the whole.

The distance of coverage from level is taken of each dimension by itself: a mean over dimensions
first would let one that is too narrow hide one that is too wide. Dimensions that are right one by
one can still be wrong together, so a block's joint credible set, the ball
:math:`\sum_i ((u_i - \mu_i) / \sigma_i)^2 \le \chi^2_d(\alpha)`, is counted beside.
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
from ssavl.latents.radius import with_radius
from ssavl.latents.space import Factorised

Floats = NDArray[np.float64]

LEVELS: Floats = np.linspace(0.05, 0.95, 19)
BINS = 20  # of a rank histogram
CONFIDENCE = 0.95  # of every band


@dataclass(frozen=True)
class Calibration:
    """One block's calibration over N images.

    Of N images that are drawn from a right posterior an error is about .4 / sqrt(N), not 0.

    Attributes:
        histogram: share of the ranks in each of ``BINS`` equal bins of [0, 1]; right is flat.
        each: share of truths inside the credible set of each of ``LEVELS``, ``(dim, levels)``;
            right is the level itself.
        joint: the same of the joint credible set; ``None`` of a single dimension.
        half_band: half the width of the confidence band of :attr:`coverage` at each level, from the
            spread between images.
    """

    histogram: Floats
    each: Floats
    joint: Floats | None
    half_band: Floats

    @property
    def coverage(self) -> Floats:
        """The mean of :attr:`each` over dimensions: a curve to draw, not one to judge by."""
        mean: Floats = self.each.mean(0)
        return mean

    @property
    def errors(self) -> Floats:
        """Mean distance of coverage from its level, of each dimension, ``(dim,)``."""
        distances: Floats = np.abs(self.each - LEVELS).mean(1)
        return distances

    @property
    def error(self) -> float:
        """The mean of :attr:`errors`; 0 is calibrated. A set that always holds the truth, or
        never, has .5: nothing is worse.
        """
        return float(self.errors.mean())

    def named(self, block: str) -> dict[str, float]:
        """Errors by their names in tables: the mean over dimensions, the worst of them, that of
        the joint set; of a single dimension the one.
        """
        found = {f"calibration_{block}": self.error}
        if self.joint is not None:
            found[f"calibration_{block}_worst"] = float(self.errors.max())
            found[f"calibration_{block}_joint"] = float(np.abs(self.joint - LEVELS).mean())
        return found

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
            "joint_coverage": [] if self.joint is None else self.joint.tolist(),
            "errors": self.errors.tolist(),
            "half_band": self.half_band.tolist(),
        }


def ranks(posterior: Posterior, latents: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
    """The rank in [0, 1] of each latent under its posterior, ``(B, dim)`` per block,
    ``(B, 1)`` of a category. None where the posterior does not tell its blocks apart.

    Args:
        posterior: of the images that ``latents`` made.
        latents: ``(B, posterior.space.dim)``.
        rng: spreads a category's rank over its probability, and draws a sphere's radii.
    """
    if not isinstance(posterior, Factorised):
        return {}
    truth = posterior.space.split(posterior.space.to_base(latents))
    result = {}
    for block in posterior.space.blocks:
        if block.role != "category":
            gaussian, u = posterior.gaussian(block.name), truth[block.name]
            if block.prior == "sphere":
                u = with_radius(u, gaussian.loc, gaussian.scale, rng)
            result[block.name] = gaussian.cdf(u)
            continue
        probabilities = posterior.probabilities(block.name)
        own = (probabilities * truth[block.name]).sum(-1, keepdim=True)
        likelier = torch.where(probabilities > own, probabilities, 0.0).sum(-1, keepdim=True)
        # values that are equally likely have no order: the place among them is random
        as_likely = torch.where(probabilities == own, probabilities, 0.0).sum(-1, keepdim=True)
        spread = torch.rand(own.shape, generator=rng, device=rng.device)
        result[block.name] = (likelier + spread * as_likely).clamp(0, 1)
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
        # dimensions of one image are not independent: the band is of means over them
        inside = depth[:, :, None] <= LEVELS
        deviation = inside.mean(1).std(0, ddof=1) / np.sqrt(len(inside))
        histogram, _ = np.histogram(rank, BINS, (0, 1))
        half_band = stats.norm.ppf((1 + CONFIDENCE) / 2) * deviation
        joint = None if rank.shape[1] == 1 else _jointly(rank)
        result[name] = Calibration(histogram / rank.size, inside.mean(0), joint, half_band)
    return result


def _jointly(rank: Floats) -> Floats:
    """Share of the images, by level, whose ranks ``(N, dim)`` are inside the joint set."""
    finite = np.clip(rank, 1e-15, 1 - 1e-15)  # a rank of 0 or 1 is infinitely far out
    square = np.square(stats.norm.ppf(finite)).sum(1)
    depth = stats.chi2.cdf(square, rank.shape[1])
    share: Floats = (depth[:, None] <= LEVELS).mean(0)
    return share
