"""The path of densities between a start and the joint density of an image and its latents,
and points on it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Normal

from ssavl.errors import UserError
from ssavl.generators.protocol import Generator
from ssavl.latents.priors import Block
from ssavl.latents.space import Factorised
from ssavl.objectives.likelihood import Likelihood

DIFFERENCE = 0.02  # in base space, over which a Jacobian is taken


@dataclass(frozen=True)
class Point:
    """Where R chains are, and all that any density of the path needs to know of it.

    Attributes:
        u: the continuous blocks in base space, one after the other, ``(R, n)``.
        categories: index of each categorical block, ``(R,)`` by name.
        log_start, log_joint: log q and log p(x, .) in nats, ``(R,)``.
        start_slope, joint_slope: their gradients to ``u``, ``(R, n)``.
    """

    u: Tensor
    categories: Mapping[str, Tensor]
    log_start: Tensor
    log_joint: Tensor
    start_slope: Tensor
    joint_slope: Tensor

    def log_density(self, t: float) -> Tensor:
        """The path's unnormalised density at the temperature t, ``(R,)``."""
        return (1 - t) * self.log_start + t * self.log_joint

    def slope(self, t: float) -> Tensor:
        """Its gradient to ``u``, ``(R, n)``."""
        return (1 - t) * self.start_slope + t * self.joint_slope

    def replaced(self, where: Tensor, other: Point) -> Point:
        """The other's points in the chains ``(R,)`` where it says so;
        categories are alike in both.
        """
        rows = where[:, None]
        return Point(
            torch.where(rows, other.u, self.u),
            self.categories,
            torch.where(where, other.log_start, self.log_start),
            torch.where(where, other.log_joint, self.log_joint),
            torch.where(rows, other.start_slope, self.start_slope),
            torch.where(rows, other.joint_slope, self.joint_slope),
        )


class Bridge:
    """The densities for a batch of B images with ``chains`` chains each, R = B * chains,
    those of one image in a row.

    Args:
        x: images ``(B, C, H, W)``.
        generator: frozen; gradients flow through it.
        start: where chains start, ``B`` rows; blocks that it leaves out, or ``None``, start at the
            prior.
        rng: draws of the start and of every transition.
    """

    def __init__(
        self,
        x: Tensor,
        generator: Generator,
        likelihood: Likelihood,
        chains: int,
        rng: torch.Generator,
        start: Factorised | None = None,
    ) -> None:
        self.generator, self.likelihood, self.rng = generator, likelihood, rng
        self.space = generator.latent_space
        self.chains = chains
        self.x = x.repeat_interleave(chains, 0)
        self.continuous = [block for block in self.space.blocks if block.role != "category"]
        self.categorical = [block for block in self.space.blocks if block.role == "category"]

        def rows(tensor: Tensor) -> Tensor:
            return tensor.expand(len(x), -1).repeat_interleave(chains, 0)

        prior = self.space.prior(x.device)

        def source(block: Block) -> Factorised:
            """Where the chains of a block start."""
            if start is not None and block.name in start.space:
                return start
            return prior

        normals = [source(block).gaussian(block.name) for block in self.continuous]
        mean = torch.cat([rows(normal.mean) for normal in normals], 1)
        deviation = torch.cat([rows(normal.stddev) for normal in normals], 1)
        self.start = Normal(mean, deviation, validate_args=False)
        self.start_logits: dict[str, Tensor] = {}
        for block in self.categorical:
            self.start_logits[block.name] = rows(source(block).log_probabilities(block.name))
        size = sum(block.dim for block in self.continuous)
        self.precision = torch.eye(size, device=x.device).expand(len(x), -1, -1)

    def metric(self, t: float) -> Tensor:
        """``(B, n, n)``: C with C C^T the covariance at the temperature t,
        were start and joint Gaussian.
        """
        # precisions mix as log-densities do
        start = torch.diag_embed(1 / self.start.variance[:: self.chains])
        factor = torch.linalg.cholesky((1 - t) * start + t * self.precision)
        identity = torch.eye(factor.shape[1], device=factor.device).expand_as(factor)
        return torch.linalg.solve_triangular(factor.mT, identity, upper=True)

    @torch.no_grad()
    def curvature(self, point: Point) -> Tensor:
        """Precision ``(B, n, n)`` of the joint density to second order,
        Gauss and Newton's, averaged over chains.

        The Jacobian comes from finite differences: any network has those, and only the efficiency
        hangs on them.
        """
        x_hat = self.generator(self._latents(point.u, point.categories))
        root = self.likelihood.curvature(x_hat).flatten(1).sqrt()
        columns = []
        for dimension in range(point.u.shape[1]):
            moved = point.u.clone()
            moved[:, dimension] += DIFFERENCE
            columns.append(
                (self.generator(self._latents(moved, point.categories)) - x_hat).flatten(1) * root
            )
        jacobian = torch.stack(columns, 2) / DIFFERENCE  # (R, pixels, n)
        products = (jacobian.mT @ jacobian).unflatten(0, (-1, self.chains)).mean(1)
        return products + torch.eye(point.u.shape[1], device=products.device)

    def begin(self) -> Point:
        """Draws of the start."""
        noise = torch.randn(self.start.mean.shape, generator=self.rng, device=self.x.device)
        categories = {
            name: torch.multinomial(logits.exp(), 1, generator=self.rng)[:, 0]
            for name, logits in self.start_logits.items()
        }
        return self.point(self.start.mean + self.start.stddev * noise, categories)

    def at(self, latents: Tensor) -> Point:
        """Every chain at the latents ``(B, D)`` of its image."""
        parts = self.space.split(
            self.space.to_base(latents).repeat_interleave(len(self.x) // len(latents), 0)
        )
        u = torch.cat([parts[block.name] for block in self.continuous], 1)
        return self.point(
            u, {block.name: parts[block.name].argmax(1) for block in self.categorical}
        )

    def point(self, u: Tensor, categories: Mapping[str, Tensor]) -> Point:
        """A place with densities and gradients.

        Raises:
            UserError: a generator that passes no gradient.
        """
        with torch.enable_grad():
            u = u.detach().requires_grad_(True)
            x_hat = self.generator(self._latents(u, categories))
            if not x_hat.requires_grad:
                raise UserError(
                    "the generator passes no gradient to its latents, which annealing needs: "
                    "set evaluate-likelihood.temperatures to 0 to go without"
                )
            log_joint = self.likelihood(self.x, x_hat) + self._log_prior(u)
            log_start = self.log_start(u, categories)
            (joint_slope,) = torch.autograd.grad(log_joint.sum(), u)
            (start_slope,) = torch.autograd.grad(log_start.sum(), u)
        return Point(
            u.detach(), categories, log_start.detach(), log_joint.detach(), start_slope, joint_slope
        )

    @torch.no_grad()
    def log_joint(self, u: Tensor, categories: Mapping[str, Tensor]) -> Tensor:
        """log p(x, u, categories), ``(R,)``, in one pass without gradients."""
        return self.likelihood(
            self.x, self.generator(self._latents(u, categories))
        ) + self._log_prior(u)

    def log_start(self, u: Tensor, categories: Mapping[str, Tensor]) -> Tensor:
        """log q(u, categories), ``(R,)``."""
        total = self.start.log_prob(u).sum(1)
        for name, index in categories.items():
            total = total + self.start_logits[name].gather(1, index[:, None])[:, 0]
        return total

    def _log_prior(self, u: Tensor) -> Tensor:
        constant = sum(math.log(block.dim) for block in self.categorical)
        return -0.5 * u.square().sum(1) - 0.5 * u.shape[1] * math.log(2 * math.pi) - constant

    def _latents(self, u: Tensor, categories: Mapping[str, Tensor]) -> Tensor:
        sizes = [block.dim for block in self.continuous]
        parts = {
            b.name: b.from_base(part)
            for b, part in zip(self.continuous, u.split(sizes, 1), strict=True)
        }
        for block in self.categorical:
            parts[block.name] = torch.nn.functional.one_hot(categories[block.name], block.dim).to(
                u.dtype
            )
        return self.space.join(parts)
