"""BatchNorm statistics of averaged weights."""

from __future__ import annotations

import torch
from torch.optim.swa_utils import update_bn

from ssavl.engine.device import Compute
from ssavl.latents.draws import CHUNK, draws
from ssavl.networks.generator import GeneratorNetwork

IMAGES = 40 * CHUNK  # a statistic's error is below a hundredth of its deviation


def refit(generator: GeneratorNetwork, compute: Compute) -> None:
    """Give a generator the BatchNorm statistics of its own activations, on prior draws.

    Averaged weights are another network than the one that was trained, and that one's statistics do
    not belong to them. The draws are always the same: neither the run's random numbers nor its
    batch size decide what is left. A network without BatchNorm stays as it is.
    """
    with torch.no_grad():
        update_bn(draws(generator.draw, IMAGES, CHUNK, compute.generator(0)), generator)
