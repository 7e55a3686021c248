"""What the stages that leave encoders share: ``fit-encoders``, ``retrain-R`` and ``train-vae``."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ssavl.engine.device import Compute
from ssavl.engine.run import LOG, Run
from ssavl.generators import AnyGenerator, Source
from ssavl.generators.origin import Origin
from ssavl.models.inference import InferenceModel, save_inference_model
from ssavl.networks.encoder import Encoder
from ssavl.objectives.invariances import Invariances
from ssavl.objectives.likelihood import Likelihood
from ssavl.params.shared import InvarianceParams
from ssavl.runs.probe import HeldOut, Probe, Watched, together
from ssavl.runs.workspace import Workspace
from ssavl.storage.weights import weights_hash

ReadImages = Callable[[tuple[int, int, int]], Tensor]


def encoder_modules(model: InferenceModel) -> dict[str, Encoder]:
    """The encoders of a model by the name that phases and logs use:
    ``code_encoder``, ``noise_encoder``.
    """
    return {("noise_encoder" if e.space.of_role("noise") else "code_encoder"): e for e in model}


def transformation(
    params: InvarianceParams, rng: torch.Generator
) -> Callable[[Tensor], Tensor] | None:
    """Random transformations of images ``(B, C, H, W)``, back into [0, 1];
    ``None`` where the parameters name none.
    """
    if params == InvarianceParams():
        return None
    invariances = Invariances(**params.model_dump())
    return lambda x: invariances(x, rng).clamp(0, 1)


class Watch:
    """Images from elsewhere that a fit's log reports on, and nothing else ever sees.

    The stage is handed a reader rather than images or paths, because it must not reach real data by
    itself: who calls it decides.

    Args:
        read: images ``(N, C, H, W)`` in [0, 1] of the shape ``(C, H, W)`` that it is given;
            ``None`` for nothing.
        shape: of the generator's images.
    """

    def __init__(self, read: ReadImages | None, shape: tuple[int, int, int]) -> None:
        self.x = read(shape) if read is not None else None

    @property
    def settings(self) -> dict[str, str]:
        """What ``run.json`` says of them; part of the run's identity,
        since they make columns of its log.
        """
        if self.x is None:
            return {}
        return {"watch": hashlib.sha256(self.x.cpu().contiguous().numpy().tobytes()).hexdigest()}

    def probe(
        self,
        model: InferenceModel,
        generator: AnyGenerator,
        likelihood: Likelihood,
        seed: int,
        compute: Compute,
    ) -> Probe:
        """What a row of the log holds: the held-out generated images,
        and these where there are any.
        """
        held_out = HeldOut(model, generator, likelihood, seed, compute)
        if self.x is None:
            return held_out
        return together(held_out, Watched(self.x, model, generator, likelihood, seed, compute))


def leave_encoders(
    run: Run, model: InferenceModel, work: Workspace, generator: AnyGenerator, gan: Source
) -> dict[str, Any]:
    """Write ``encoders.pt`` and ``log.csv`` into the stage's folder, and return the summary."""
    model.origin = Origin.of(gan, work.out, generator, weights_hash(generator))
    save_inference_model(work.out / "encoders.pt", model.cpu())
    shutil.copyfile(work.scratch / LOG, work.out / LOG)
    work.record |= {"iterations": run.step, "resumed_from": run.resumed_from}
    return {"model": model.name, "encoders": str(work.out / "encoders.pt"), "iterations": run.step}
