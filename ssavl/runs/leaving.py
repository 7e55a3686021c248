"""What a training leaves, as files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ssavl.engine.run import Run
from ssavl.generators.origin import Origin
from ssavl.generators.source import Source
from ssavl.methods.method import Leaves
from ssavl.models.files import Saved, save_model
from ssavl.models.inference import InferenceModel
from ssavl.networks.generator import GeneratorNetwork
from ssavl.runs.refit import refit
from ssavl.storage.weights import weights_hash


def collect(name: str, settings: Mapping[str, Any], leaves: Leaves, run: Run) -> Saved:
    """What a run leaves, on the CPU; weights are averaged ones where an average was kept.

    Args:
        name: of the method.
        settings: how it was trained.
    """
    generator = None
    if leaves.generator is not None:
        generator = leaves.generator
        averaged = run.averages.averaged.get("generator")
        if averaged is not None:
            assert isinstance(averaged.module, GeneratorNetwork)
            generator = averaged.module
            refit(generator, run.compute)
        generator = generator.cpu().eval()
    left = tuple(encoder.cpu() for encoder in leaves.training_encoders)
    model = InferenceModel(leaves.encoders, name).cpu() if leaves.encoders else None
    sorter = None if leaves.sorter is None else leaves.sorter.cpu()
    return Saved(name, settings, generator, model, leaves.clusterer, left, sorter)


def leave_model(
    file: Path, name: str, settings: Mapping[str, Any], leaves: Leaves, run: Run
) -> Mapping[str, Any]:
    """Whatever a method leaves, in one file."""
    saved = collect(name, settings, leaves, run)
    save_model(file, saved)
    found = {"method": name, file.stem: str(file)}
    if saved.generator is None:
        return found
    return {**found, "parameters": sum(p.numel() for p in saved.generator.parameters())}


def leave_encoders(
    out: Path,
    settings: Mapping[str, Any],
    model: InferenceModel,
    generator: GeneratorNetwork,
    source: Source,
    run: Run,
) -> Mapping[str, Any]:
    """``encoders.pt``: encoders, and what generator they belong to."""
    path = out / "encoders.pt"
    model.origin = Origin.of(source, out, generator, weights_hash(generator))
    save_model(path, Saved("ss-avl", settings, inference=model.cpu()))
    return {"model": model.name, "encoders": str(path)}
