"""What tests of methods are made of: small networks, random images, and single steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ssavl.engine.device import Compute
from ssavl.engine.phase import Phase
from ssavl.engine.playing import Playing
from ssavl.engine.update import update
from ssavl.images.draws import Draws
from ssavl.methods.method import Common, Method
from ssavl.objectives.likelihood import Likelihood
from ssavl.params.shared import LatentsParams, NetworksParams, OptimisationParams

CPU = Compute(torch.device("cpu"), False)
SHAPE = (1, 28, 28)
LATENTS = {"noise": 3, "code": 2, "categories": 3}
TRUNK = {"width": 2, "features": 4}
NETWORKS = {"generator": {"width": 2, "hidden": 4}, "critic": TRUNK, "encoder": TRUNK}
PACE = {"iterations": 8, "batch_size": 4, "learning_rate": 0.01, "log_every": 3}

State = Mapping[str, list[Tensor]]


def draws(images: Tensor | None = None, *, shape: tuple[int, int, int] = SHAPE) -> Draws:
    """Some images, or 16 random ones in two classes, drawn from in an order that is always one."""
    rng = torch.Generator().manual_seed(0)
    held = torch.rand(16, *shape, generator=rng) if images is None else images
    labels = torch.arange(len(held)) % 2
    channels, height, width = held.shape[1:]
    size = (channels, height, width)
    return Draws(size, len(held), lambda i: held[i], lambda n: iter(held.split(n)), rng, labels)


def common(
    data: Draws,
    latents: Mapping[str, Any] | None = None,
    generator: Mapping[str, Any] | None = None,
    **pace: Any,
) -> Common:
    """What every method is given, in a small size.

    Args:
        latents, generator: over :data:`LATENTS`, and over the shape of the generator.
        pace: how long and how fast, over :data:`PACE`.
    """
    own = {**NETWORKS, "generator": {**NETWORKS["generator"], **(generator or {})}}
    return Common(
        OptimisationParams.model_validate({**PACE, **pace}),
        LatentsParams.model_validate({**LATENTS, **(latents or {})}),
        NetworksParams.model_validate(own),
        Likelihood(),
        beta=1.0,
        seed=0,
        rng=data.rng,
    )


def play(method: Method, act: int = -1) -> Playing:
    """An act of a method, the last unless said, about to begin; it was not entered."""
    playing = Playing(method.acts[act], method.modules, CPU)
    playing.begin()
    return playing


def step(playing: Playing, phase: Phase, number: int = 0) -> dict[str, Tensor]:
    """One step of one phase; the means of its terms."""
    return update(phase, number, playing.parameters, playing.optimisers, CPU)


def parameters(modules: Mapping[str, nn.Module]) -> State:
    """A copy of every parameter, by module."""
    return {name: [p.detach().clone() for p in m.parameters()] for name, m in modules.items()}


def changed(before: State, after: State) -> set[str]:
    """Names of the modules of which a parameter moved."""
    pairs = {name: zip(before[name], after[name], strict=True) for name in before}
    return {name for name, both in pairs.items() if any(not torch.equal(a, b) for a, b in both)}
