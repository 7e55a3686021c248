"""Are a network's BatchNorm statistics those of its own activations?

They were gathered in training, on latents of the prior, by the network as it was then. So on prior
draws each layer's mean and variance must come out again. They do not where a unit is another one
(leaky for plain), where latents have another prior, where an epsilon differs, or where averaged
weights were saved with buffers that nothing ever updated. No image is needed to see it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ssavl.networks.generator import GeneratorNetwork

IMAGES = {64: 1024, 4096: 256}  # that are drawn, by the side in pixels up to which
BATCH = 64
VARIANCE = 0.12  # of log ratios, root mean square over channels: right .02, leaky for plain .16
MEAN = 0.5  # deviations


@dataclass(frozen=True)
class Statistics:
    """How far a network's stored statistics are from those of prior draws, in its worst layer.

    Attributes:
        variance: log of found over stored variance, root mean square over a layer's channels.
        mean: |found minus stored mean| in found deviations, the median over them.
    """

    variance: float
    mean: float

    @property
    def wrong(self) -> bool:
        """Whether chance does not explain it."""
        return self.variance > VARIANCE or self.mean > MEAN

    def __str__(self) -> str:
        seen = f"log of variance ratios {self.variance:.2g}, mean {self.mean:.2g} deviations away"
        if not self.wrong:
            return f"those of prior draws ({seen})"
        return (
            f"NOT those of prior draws ({seen}): another activation, prior or epsilon than in "
            "training, or averaged weights whose buffers were never updated"
        )


@torch.no_grad()
def statistics(generator: GeneratorNetwork, seed: int = 0) -> Statistics | None:
    """Of a generator in evaluation mode, on prior draws; ``None`` without such a BatchNorm."""
    norms = [
        module
        for module in generator.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is not None
    ]
    if not norms:
        return None
    sums: dict[Any, Tensor] = {}  # of each channel: count, values, squares

    def look(norm: Any, inputs: tuple[Tensor, ...], _: Tensor) -> None:
        x = inputs[0].double().transpose(0, 1).flatten(1)
        own = torch.stack([torch.full_like(x[:, 0], x.shape[1]), x.sum(1), x.square().sum(1)])
        sums[norm] = sums.get(norm, 0) + own

    hooks = [norm.register_forward_hook(look) for norm in norms]
    device = next((p.device for p in generator.parameters()), torch.device("cpu"))
    side = generator.image_shape[1]
    images = next((n for most, n in IMAGES.items() if side <= most), BATCH)
    latents = generator.draw(images, torch.Generator(device).manual_seed(seed))
    try:
        for part in latents.split(BATCH):
            generator(part)
    finally:
        for hook in hooks:
            hook.remove()
    found = [_apart(norm, own) for norm, own in sums.items()]
    return Statistics(*map(max, zip(*found, strict=True))) if found else None


def _apart(norm: Any, sums: Tensor) -> tuple[float, float]:
    """Of one layer: how far variances and means are from the stored ones."""
    count, total, squares = sums
    mean = total / count
    variance = (squares / count - mean.square()).clamp(min=1e-12)
    ratio = (variance / norm.running_var.double().clamp(min=1e-12)).log()
    away = (mean - norm.running_mean).abs() / variance.sqrt()
    return ratio.square().mean().sqrt().item(), away.median().item()
