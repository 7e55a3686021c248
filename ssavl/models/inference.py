"""The inference model: the encoders that a generator never had.

It covers any subset of a latent space's blocks. All of them is SS-AVL; the code encoder alone is
the ablation SS-AVL1, whose z comes from the prior; the noise encoder alone is SS-AVL2 (Ye & Bors
2024, section 8).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce
from operator import or_
from typing import cast

import torch
from torch import Tensor, nn

from ssavl.errors import UserError
from ssavl.generators.origin import Origin
from ssavl.generators.protocol import Generator
from ssavl.latents.names import NAME
from ssavl.latents.posterior import Posterior, joined
from ssavl.latents.space import Factorised, LatentSpace
from ssavl.networks.encoder import Encoder, EncoderNetwork


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a model: it becomes part of file names and columns.

    Raises:
        ValueError: other characters than a block's name has.
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(
            f"{name!r:.80} cannot be the name of a model: use letters, digits, '-' and '_'"
        )


class InferenceModel(nn.Module):
    """Encoders over disjoint blocks of one latent space.

    Args:
        encoders: at least one.
        name: what tables and figures call the model.
        image_noise: deviation of the noise on the images that it was fitted to, pixels in [0, 1].
        origin: the generator that it was fitted to; ``None`` before.

    Raises:
        ValueError: no encoder, two that infer the same block, or a name of other characters than a
            block's.
    """

    def __init__(
        self,
        encoders: Iterable[EncoderNetwork],
        name: str,
        image_noise: float = 0.0,
        origin: Origin | None = None,
    ) -> None:
        super().__init__()
        check_name(name)
        self.encoders = nn.ModuleList(encoders)
        self.name = name
        self.image_noise = image_noise
        self.origin = origin
        self.space = LatentSpace(block for encoder in self for block in encoder.space.blocks)

    def __iter__(self) -> Iterator[EncoderNetwork]:
        return cast("Iterator[EncoderNetwork]", iter(self.encoders))

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the images that it reads."""
        return next(iter(self)).image_shape

    @property
    def factorised(self) -> tuple[Encoder, ...]:
        """The encoders, where each tells a factorised posterior.

        Raises:
            UserError: one infers in another way.
        """
        found = [encoder for encoder in self if isinstance(encoder, Encoder)]
        if len(found) < len(self.encoders):
            raise UserError(
                f"'{self.name}' infers by another kind of encoder, whose posterior has no factors: "
                "a bound cannot be trained through it"
            )
        return tuple(found)

    def posterior(self, x: Tensor, at_once: int | None = None) -> Posterior:
        """q(blocks | x) for images ``(B, C, H, W)`` in [0, 1].

        Of several encoders it is their product; one alone may infer in any way.

        Args:
            at_once: images whose activations are in memory together; all if ``None``, and where
                the posterior is not a factorised one.
        """
        if at_once is not None and len(x) > at_once:
            parts = [self.posterior(part) for part in x.split(at_once)]
            told = [part for part in parts if isinstance(part, Factorised)]
            if len(told) == len(parts):
                return joined(told)
        if len(self.encoders) == 1:
            return next(iter(self)).posterior(x)
        return reduce(or_, (encoder.posterior(x) for encoder in self.factorised))

    def mode(self, x: Tensor, at_once: int | None = None) -> Tensor:
        """The mode ``(B, self.space.dim)`` of :meth:`posterior`, which it does not build."""
        parts = x.split(len(x) if at_once is None else at_once) if len(x) else (x,)
        found = [torch.cat([own.mode(part) for own in self], dim=-1) for part in parts]
        return found[0] if len(found) == 1 else torch.cat(found)

    def complete(self, draw: Tensor, space: LatentSpace, rng: torch.Generator) -> Tensor:
        """Points ``(B, self.space.dim)`` as latents ``(B, space.dim)``;
        what is not inferred comes from the prior.
        """
        known = self.space.split(draw)
        if any(block.name not in known for block in space.blocks):
            known = {**space.split(space.sample(len(draw), rng)), **known}
        return space.join(known)

    def reconstruct(self, x: Tensor, generator: Generator, rng: torch.Generator) -> Tensor:
        """The generator's images at the posterior's mode, ``(B, C, H, W)`` in [0, 1]."""
        return generator(self.complete(self.mode(x), generator.latent_space, rng))
