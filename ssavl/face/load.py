"""``ssavl.load``: a model from files."""

from __future__ import annotations

from pathlib import Path

import torch

from ssavl.engine.device import choose
from ssavl.engine.isolation import isolated
from ssavl.face.run import seeded
from ssavl.generators.memory import AnyGan
from ssavl.model import BATCH, Model
from ssavl.models.bundle import Bundle
from ssavl.params.arguments import place, whole


def load(
    encoders: str | Path,
    gan: AnyGan | None = None,
    *,
    device: str | None = None,
    precision: str | None = None,
    seed: int | torch.Generator = 0,
    at_once: int = BATCH,
) -> Model:
    """Encoders, and the generator that they were fitted to.

    Args:
        encoders: a folder of ``fit-encoders``, ``retrain-R`` or any training that leaves encoders,
            or its file.
        gan: the generator: a file, a source, or a network in memory; ``None`` is the one in the
            same file, else the one that the encoders name, where loading it runs no code.
        device, precision: as ``--device`` and ``--precision``; ``None`` is the best that this
            machine has.
        seed: of what comes from the prior or from the posterior; or a generator, which it is drawn
            from.
        at_once: images whose activations are in memory at a time; results do not depend on it.

    Raises:
        UserError: a file that cannot be read; on first use, a generator that cannot be loaded or is
            another one.
    """
    path = place("encoders", encoders)
    compute, number = choose(device, precision), seeded(seed)
    with isolated(compute.device):
        return Model(Bundle(path, gan), compute, number, whole("at_once", at_once, 1))
