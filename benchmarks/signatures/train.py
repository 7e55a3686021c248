"""Training for a signature: any method of the registry on any images, by the one loop."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ssavl.engine.act import Act
from ssavl.engine.device import Compute
from ssavl.engine.run import Run
from ssavl.images.draws import Draws
from ssavl.methods.method import Common, Method
from ssavl.methods.registry import make, own_params
from ssavl.objectives.likelihood import Likelihood
from ssavl.params.shared import LatentsParams, NetworksParams, OptimisationParams

CPU = Compute(torch.device("cpu"), False)


def draws(images: Tensor, seed: int, labels: Tensor | None = None) -> Draws:
    """Images ``(N, C, H, W)`` in [0, 1] as a method sees them."""
    channels, height, width = images.shape[1:]
    rng = torch.Generator().manual_seed(seed)
    size = (channels, height, width)
    known = torch.zeros(len(images), dtype=torch.long) if labels is None else labels
    return Draws(
        size, len(images), lambda i: images[i], lambda n: iter(images.split(n)), rng, known
    )


def trained(
    name: str,
    images: Tensor,
    seed: int,
    own: Mapping[str, Any] | None = None,
    latents: Mapping[str, Any] | None = None,
    networks: Mapping[str, Any] | None = None,
    likelihood: Likelihood | None = None,
    beta: float = 1.0,
    **optimisation: Any,
) -> Method:
    """A method of the registry, trained; its networks are in evaluation mode.

    Args:
        own: the method's own parameters.
        latents, networks, optimisation: over the defaults of a study.
    """
    torch.manual_seed(seed)
    data = draws(images, seed)
    common = Common(
        OptimisationParams.model_validate({"log_every": 10**6, **optimisation}),
        LatentsParams.model_validate(latents or {}),
        NetworksParams.model_validate(networks or {}),
        likelihood or Likelihood(),
        beta,
        seed,
        data.rng,
    )
    method = make(name, own_params(name, own or {}), common, data)
    play(method.modules, method.acts, data.rng)
    return method


def play(modules: Mapping[str, nn.Module], acts: Sequence[Act], rng: torch.Generator) -> None:
    """Train modules by acts to the end, then set them to evaluation."""
    with tempfile.TemporaryDirectory() as scratch:
        Run(modules, acts, CPU, rng, Path(scratch), checkpoint_seconds=1e9, show=False).train()
    for module in modules.values():
        module.eval()
