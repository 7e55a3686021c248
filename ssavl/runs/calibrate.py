"""How well a model knows how well it knows, on images whose latents are known."""

from __future__ import annotations

import torch
from torch import Tensor

from ssavl.engine.device import Compute
from ssavl.generators.pieces import InPieces
from ssavl.generators.protocol import Generator
from ssavl.latents.draws import OFFSET, draws, together
from ssavl.metrics.calibration import Calibration, calibration, ranks
from ssavl.models.inference import InferenceModel
from ssavl.objectives.likelihood import Likelihood
from ssavl.runs.probe import observe


@torch.no_grad()
def calibrate(
    generator: Generator,
    model: InferenceModel,
    images: int,
    batch_size: int,
    seed: int,
    compute: Compute,
    likelihood: Likelihood | None = None,
) -> dict[str, Calibration]:
    """The calibration of a model's blocks on so many held-out images of the generator; of no block
    where its posterior does not tell them apart.

    Args:
        batch_size: images whose activations are in memory at a time; changes nothing else.
        likelihood: images are drawn from it, pixel by pixel, as a bound on log p(x) assumes; by
            default they are those that the encoders were fitted to, without its noise.
    """
    rng = compute.generator(seed + OFFSET)
    parts: dict[str, list[Tensor]] = {block.name: [] for block in model.space.blocks}
    few, size = InPieces(generator, batch_size), together(generator.image_shape)
    for drawn in draws(generator.draw, images, size, rng):
        with compute.autocast():
            if likelihood is None:
                x = observe(few, drawn, model.image_noise, rng)
            else:
                x = likelihood.sample(few(drawn), rng)
            posterior = model.posterior(x, batch_size)
        latents = model.space.join(generator.latent_space.split(drawn))
        for name, rank in ranks(posterior, latents, rng).items():
            parts[name].append(rank.cpu())
    return calibration(
        {name: torch.cat(found) for name, found in parts.items() if found},
        model.space.of_role("category"),
    )
