"""What a caller says of a generator."""

from __future__ import annotations

from collections.abc import Sequence

from ssavl.errors import UserError
from ssavl.generators.description import BlockDescription, Description
from ssavl.latents.priors import Block, Prior
from ssavl.latents.space import LatentSpace


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
        UserError: a size and a latent space at once, or values that contradict each other.
    """
    if latents is not None and latent_dim is not None:
        raise UserError("give latent_dim and prior, or latents, not both")
    blocks: list[Block] | None = None
    try:
        if latent_dim is not None:
            blocks = [Block("noise", "noise", prior, latent_dim)]
        elif latents is not None:
            space = latents if isinstance(latents, LatentSpace) else LatentSpace(latents)
            blocks = list(space.blocks)
        return Description(
            latents=None
            if blocks is None
            else [
                BlockDescription(name=b.name, role=b.role, prior=b.prior, dim=b.dim) for b in blocks
            ],
            latent_shape=None if latent_shape is None else list(latent_shape),
            separate=separate,
            output_range=output_range,
        )
    except ValueError as error:
        raise UserError(f"the generator: {error}") from None
