"""The latent space and the untrained networks that the parameters ask for."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import torch
from torch import nn

from ssavl.latents.priors import Block
from ssavl.latents.space import LatentSpace
from ssavl.networks.encoder import Encoder
from ssavl.networks.generator import ConvGenerator
from ssavl.networks.layout import ImageShape, stem_of
from ssavl.networks.trunk import Trunk
from ssavl.params.shared import EncoderParams, LatentsParams, NetworksParams, TrunkParams

Network = TypeVar("Network", bound=nn.Module)

TRAINED = 16  # bytes of a weight in training


def latent_space(latents: LatentsParams) -> LatentSpace:
    """Noise, then code and category unless their size is 0."""
    blocks = [Block("noise", "noise", "normal", latents.noise)]
    if latents.code:
        blocks.append(Block("code", "code", latents.code_prior, latents.code))
    if latents.categories:
        blocks.append(Block("category", "category", "categorical", latents.categories))
    return LatentSpace(blocks)


def generator(
    latents: LatentsParams,
    networks: NetworksParams,
    image_shape: ImageShape,
    space: LatentSpace | None = None,
) -> ConvGenerator:
    """A generator.

    Args:
        space: another latent space than the usual one.

    Raises:
        ValueError: an image size that cannot be made, a gain for an unknown block, or more weights
            than memory holds.
    """
    own = networks.generator
    space = space or latent_space(latents)
    make = partial(ConvGenerator, space, image_shape, own.width, own.hidden, own.block_gain)
    return _affordable(make, f"a generator of width {own.width} and hidden {own.hidden}")


def trunk(shape: TrunkParams, image_shape: ImageShape) -> Trunk:
    """A trunk of that shape.

    Raises:
        ValueError: an image size that cannot be read, or more weights than memory holds.
    """
    stem = (shape.stem or stem_of(image_shape)) if isinstance(shape, EncoderParams) else 1
    make = partial(Trunk, image_shape, shape.width, shape.features, stem)
    return _affordable(make, f"a network of width {shape.width} and features {shape.features}")


def _affordable(make: Callable[[], Network], what: str) -> Network:
    """A network, where this machine could train it: weights, gradients and Adam's two moments.

    Raises:
        ValueError: it could not.
    """
    with torch.device("meta"):
        needed = TRAINED * sum(own.numel() for own in make().parameters())
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise ValueError(
            f"{what} takes {needed / 2**30:.0f} GiB to train, and this machine has "
            f"{there / 2**30:.0f}: make it narrower"
        )
    return make()


def parts(space: LatentSpace) -> list[LatentSpace]:
    """What the paper's two encoders infer: codes and category together, and noise."""
    blocks = space.of_role("code", "category"), space.of_role("noise")
    return [LatentSpace(own) for own in blocks if own]


def encoders(
    space: LatentSpace, shape: EncoderParams, image_shape: ImageShape
) -> tuple[Encoder, ...]:
    """An encoder for each part of a space."""
    return tuple(Encoder(trunk(shape, image_shape), part) for part in parts(space))


def encoder_names(encoders: tuple[Encoder, ...]) -> dict[str, Encoder]:
    """Encoders by the name that phases and logs use: ``code_encoder``, ``noise_encoder``."""
    return {
        "noise_encoder" if own.space.of_role("noise") else "code_encoder": own for own in encoders
    }
