"""What ``fit-encoders`` and ``retrain-R`` share."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

from ssavl.engine.run import LOG, Run, Schedule
from ssavl.generators import AnyGenerator, GeneratorSource
from ssavl.generators.inspection import weights_hash
from ssavl.inference import InferenceModel, save_inference_model
from ssavl.networks.encoder import Encoder
from ssavl.params import FitParams
from ssavl.stages.workspace import Options, Workspace


def encoder_modules(model: InferenceModel) -> dict[str, Encoder]:
    """The encoders of a model by the name that phases and logs use: ``code_encoder``, ``noise_encoder``."""
    return {("noise_encoder" if e.space.of_role("noise") else "code_encoder"): e for e in model}


def fit_schedule(fit: FitParams, options: Options, shares: Mapping[str, float] | None = None) -> Schedule:
    """The schedule that the parameters ask for, with shares of the learning rate by module name."""
    return Schedule(
        fit.iterations,
        fit.learning_rate,
        fit.adam_betas,
        fit.decay,
        fit.log_every,
        options.checkpoint_seconds,
        shares or {},
    )


def leave_encoders(
    run: Run, model: InferenceModel, work: Workspace, generator: AnyGenerator, gan: GeneratorSource
) -> dict[str, Any]:
    """Write ``encoders.pt`` and ``log.csv`` into the stage's folder, and return the summary."""
    model.origin = gan.record(work.out, generator, weights_hash(generator))
    save_inference_model(work.out / "encoders.pt", model.cpu())
    shutil.copyfile(work.scratch / LOG, work.out / LOG)
    work.record |= {"iterations": run.step, "resumed_from": run.resumed_from}
    return {"model": model.name, "encoders": str(work.out / "encoders.pt"), "iterations": run.step}
