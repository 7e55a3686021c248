"""A denoising autoencoder (Vincent et al. 2010): features before clusters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from ssavl.engine.act import Act
from ssavl.engine.phase import Phase, alike
from ssavl.images.draws import Draws
from ssavl.methods import networks
from ssavl.methods.method import Common
from ssavl.methods.shared import NORMALISED, Terms
from ssavl.networks.generator import ConvGenerator
from ssavl.objectives.likelihood import Likelihood
from ssavl.params.shared import OptimisationParams

AT_ONCE = 1000  # images whose codes are computed together


@dataclass(frozen=True)
class Denoising:
    """Codes of noisy images, and what is made of them.

    Attributes:
        encode: images to codes ``(B, D)``.
        decoder: codes to images.
        noise: deviation of noise on what is encoded, pixels in [0, 1].
    """

    encode: Callable[[Tensor], Tensor]
    decoder: ConvGenerator
    data: Draws
    likelihood: Likelihood
    noise: float


def decoder(common: Common, data: Draws, size: int) -> ConvGenerator:
    """An untrained network from codes of some size to images."""
    latents = common.latents.model_copy(update={"noise": size, "code": 0, "categories": 0})
    return networks.generator(latents, common.networks, data.image_shape)


def denoising_act(
    parts: Denoising, modules: tuple[str, ...], optimisation: OptimisationParams
) -> Act:
    """The act that trains these modules."""
    terms = partial(denoising_terms, parts, optimisation.piece)
    phase = Phase("autoencoder", modules, terms, varies=alike)
    return Act("autoencoder", (phase,), optimisation, coupled=NORMALISED)


def denoising_terms(parts: Denoising, n: int, update: int) -> Terms:
    """Minus the likelihood of images, given codes of noisy ones."""
    x, rng = parts.data.real(n), parts.data.rng
    noisy = x + parts.noise * torch.randn(x.shape, generator=rng, device=x.device)
    return {"loss": -parts.likelihood(x, parts.decoder(parts.encode(noisy)))}


@torch.no_grad()
def all_codes(encode: Callable[[Tensor], Tensor], data: Draws) -> Tensor:
    """Codes ``(N, D)`` of all real images in their order, float32, on the device of
    ``data``.
    """
    device = data.rng.device
    parts: Iterator[Tensor] = (encode(x.to(device)).float() for x in data.batches(AT_ONCE))
    return torch.cat(list(parts))
