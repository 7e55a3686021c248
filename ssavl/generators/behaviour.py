"""What a generator does, beside its weights: how it is called, and what images come.

Equal weights can make other images: another range of pixels, an activation that a factory's code
changed, data of an ONNX graph that lie beside it. Encoders keep a record of the images that they
were fitted to, so that none of this passes unseen.
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from ssavl.generators.protocol import Generator
from ssavl.params.section import Section

LATENTS = 2  # of the probe
PIXELS = 64  # of each of its images, evenly spread
TOLERANCE = 0.002  # of a pixel in [0, 1]: another device or library rounds

Pixel = Annotated[float, Field(allow_inf_nan=False)]


class Behaviour(Section):
    """A generator's answers to fixed questions."""

    latent_shape: list[Annotated[int, Field(ge=1)]] | None = None
    separate: bool = False
    output_range: tuple[float, float] | None = None
    pixels: Annotated[list[Pixel], Field(min_length=1, max_length=LATENTS * PIXELS)]

    @classmethod
    def of(cls, generator: Generator) -> Behaviour:
        """That of a generator, on whatever device it is."""
        told = getattr(generator, "described", lambda: None)() or {}
        return cls(
            latent_shape=told.get("latent_shape"),
            separate=told.get("separate", False),
            output_range=told.get("output_range"),
            pixels=[round(value, 5) for value in probe(generator).tolist()],
        )

    def differs(self, generator: Generator) -> str | None:
        """What a generator does otherwise, in words; ``None`` where it is the same."""
        other = Behaviour.of(generator)
        for name in ("output_range", "latent_shape", "separate"):
            ours, theirs = getattr(self, name), getattr(other, name)
            if ours != theirs:
                return f"the {name.replace('_', ' ')} {_said(ours)}, and it is {_said(theirs)} now"
        if len(self.pixels) == len(other.pixels):
            pairs = zip(self.pixels, other.pixels, strict=True)
            apart = max(abs(ours - theirs) for ours, theirs in pairs)
            if apart <= TOLERANCE:
                return None
            return f"other images of the same latents, up to {255 * apart:.2g} grey levels away"
        return "images of another size"


@torch.no_grad()
def probe(generator: Generator) -> Tensor:
    """Some pixels ``(n,)`` of its images of fixed latents, on the CPU."""
    device = next(iter(getattr(generator, "buffers", list)()), None)
    weight = next(iter(getattr(generator, "parameters", list)()), device)
    rng = torch.Generator().manual_seed(0)
    latents = generator.latent_space.sample(LATENTS, rng)
    images = generator(latents.to(weight.device if weight is not None else "cpu"))
    flat = images.float().flatten(1).cpu()
    return flat[:, :: max(1, flat.shape[1] // PIXELS)][:, :PIXELS].flatten()


def _said(value: object) -> str:
    return "unknown" if value is None else str(list(value) if isinstance(value, tuple) else value)
