"""A posterior without a density: one point for each image, as a deterministic encoder infers it."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import one_hot

from ssavl.latents.space import TEMPERATURE, LatentSpace


class Point:
    """It keeps :class:`ssavl.latents.posterior.Posterior`, and is not ``Scored``.

    Args:
        space: of the blocks.
        soft: latents ``(B, space.dim)``; of a category its K probabilities.
    """

    def __init__(self, space: LatentSpace, soft: Tensor) -> None:
        self.space = space
        self.soft = soft

    def rsample(self, temperature: float = TEMPERATURE, straight_through: bool = False) -> Tensor:
        """The point ``(B, dim)``, differentiable; a category as probabilities, or with
        ``straight_through`` one-hot forth. There is no chance in it, so no temperature.
        """
        return self.mode + self.soft - self.soft.detach() if straight_through else self.soft

    def sample(self) -> Tensor:
        """The point ``(B, dim)``; categories are exactly one-hot."""
        return self.mode

    @property
    def mode(self) -> Tensor:
        """The point ``(B, dim)``; categories are exactly one-hot."""
        parts = self.space.split(self.soft.detach())
        for block in self.space.of_role("category"):
            likeliest = parts[block.name].argmax(-1)
            parts[block.name] = one_hot(likeliest, block.dim).to(self.soft.dtype)
        return self.space.join(parts)

    def probabilities(self, name: str) -> Tensor:
        """Probabilities ``(B, K)`` of a categorical block."""
        return self.space.split(self.soft)[name]
