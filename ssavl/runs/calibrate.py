"""How well a model knows how well it knows, on images whose latents are known."""

from __future__ import annotations

import torch
from torch import Tensor

from ssavl.engine.device import Compute
from ssavl.generators.protocol import Generator
from ssavl.latents.draws import draws
from ssavl.metrics.calibration import Calibration, calibration, ranks
from ssavl.models.inference import InferenceModel
from ssavl.runs.probe import OFFSET, observe


@torch.no_grad()
def calibrate(
    generator: Generator,
    model: InferenceModel,
    images: int,
    batch_size: int,
    seed: int,
    compute: Compute,
) -> dict[str, Calibration]:
    """The calibration of a model's blocks on so many held-out images of the generator; of no block
    where its posterior does not tell them apart.
    """
    rng = compute.generator(seed + OFFSET)
    parts: dict[str, list[Tensor]] = {block.name: [] for block in model.space.blocks}
    for drawn in draws(generator.draw, images, batch_size, rng):
        with compute.autocast():
            posterior = model.posterior(observe(generator, drawn, model.image_noise, rng))
        latents = model.space.join(generator.latent_space.split(drawn))
        for name, rank in ranks(posterior, latents, rng).items():
            parts[name].append(rank.cpu())
    return calibration(
        {name: torch.cat(found) for name, found in parts.items() if found},
        model.space.of_role("category"),
    )
