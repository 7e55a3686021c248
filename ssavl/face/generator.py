"""``ssavl.load_generator``: a generator alone."""

from __future__ import annotations

from collections.abc import Sequence

from ssavl.engine.device import choose
from ssavl.engine.isolation import isolated
from ssavl.face.subject import describe
from ssavl.generators.memory import AnyGan, as_generator
from ssavl.latents.names import Prior
from ssavl.latents.priors import Block
from ssavl.latents.space import LatentSpace
from ssavl.networks.generator import GeneratorNetwork


def load_generator(
    gan: AnyGan,
    latent_dim: int | None = None,
    *,
    prior: Prior = "normal",
    latents: LatentSpace | Sequence[Block] | None = None,
    output_range: tuple[float, float] | None = None,
    latent_shape: Sequence[int] | None = None,
    separate: bool = False,
    device: str | None = None,
) -> GeneratorNetwork:
    """A generator, frozen: latents ``(B, D)`` to images ``(B, C, H, W)`` in [0, 1].

    Args:
        gan: a file, a ``GeneratorSource``, an ``nn.Module`` (which is copied) or a function.
        latent_dim, prior, latents, output_range, latent_shape, separate: as :func:`ssavl.fit`.
        device: the best that this machine has, by default.

    Raises:
        UserError: whatever keeps it from being loaded, with the way out.
    """
    compute = choose(device)
    described = describe(latent_dim, prior, latents, output_range, latent_shape, separate)
    with isolated(compute.device):
        return compute.place(as_generator(gan, described))
