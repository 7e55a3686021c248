"""What a caller says of a generator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from ssavl.errors import UserError
from ssavl.generators.description import BlockDescription, Description
from ssavl.latents.names import Prior
from ssavl.latents.priors import Block
from ssavl.latents.space import LatentSpace
from ssavl.params.arguments import whole
from ssavl.params.section import one_line


def describe(
    latent_dim: int | None,
    prior: Prior,
    latents: LatentSpace | Sequence[Block] | None,
    output_range: tuple[float, float] | None,
    latent_shape: Sequence[int] | None,
    separate: bool,
) -> Description:
    """What a caller says of a generator.

    Raises:
        UserError: a size and a latent space at once, values that are none, or that contradict each
            other.
    """
    if latents is not None and latent_dim is not None:
        raise UserError("give latent_dim and prior, or latents, not both")
    blocks: list[Block] | None = None
    try:
        if latent_dim is not None:
            blocks = [Block("noise", "noise", prior, whole("latent_dim", latent_dim, 1))]
        elif latents is not None:
            blocks = list(_space(latents).blocks)
        return Description(
            latents=None
            if blocks is None
            else [
                BlockDescription(name=b.name, role=b.role, prior=b.prior, dim=b.dim) for b in blocks
            ],
            latent_shape=list(latent_shape) if isinstance(latent_shape, Sequence) else latent_shape,
            separate=separate,
            output_range=output_range,
        )
    except ValidationError as error:
        raise UserError(f"the generator: {one_line(error.errors(), Description)}") from None
    except ValueError as error:
        raise UserError(f"the generator: {error}") from None


def _space(latents: Any) -> LatentSpace:
    if isinstance(latents, LatentSpace):
        return latents
    if not isinstance(latents, Sequence) or not all(isinstance(b, Block) for b in latents):
        raise UserError(f"latents = {latents!r:.80}: give a list of ssavl.Block, or a LatentSpace")
    return LatentSpace(latents)
