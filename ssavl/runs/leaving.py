"""What a training leaves, as files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ssavl.engine.run import Run
from ssavl.generators import AnyGenerator, Source, WeightsFile
from ssavl.generators.origin import Origin
from ssavl.generators.own import save_generator
from ssavl.methods.method import Leaves
from ssavl.models.inference import InferenceModel, encoder_entries, save_inference_model
from ssavl.networks.generator import ConvGenerator
from ssavl.storage.weights import weights_hash


def leave_generator(out: Path, leaves: Leaves, run: Run) -> Mapping[str, Any]:
    """``generator.pt``: the generator, averaged where it was, and the encoders of its training."""
    generator = run.averages["generator"]
    assert isinstance(generator, ConvGenerator)
    path = out / "generator.pt"
    entries = encoder_entries(encoder.cpu() for encoder in leaves.training_encoders)
    save_generator(path, generator.cpu(), entries)
    parameters = sum(p.numel() for p in generator.parameters())
    return {"generator": str(path), "parameters": parameters}


def leave_encoders(
    out: Path, model: InferenceModel, generator: AnyGenerator, source: Source, run: Run
) -> Mapping[str, Any]:
    """``encoders.pt``: encoders, and what generator they belong to."""
    path = out / "encoders.pt"
    model.origin = Origin.of(source, out, generator, weights_hash(generator))
    save_inference_model(path, model.cpu())
    return {"model": model.name, "encoders": str(path)}


def leave_model(out: Path, name: str, leaves: Leaves, run: Run) -> Mapping[str, Any]:
    """All that a method leaves."""
    found = dict(leave_generator(out, leaves, run))
    if not leaves.encoders:
        return found
    model, generator = InferenceModel(leaves.encoders, name), run.averages["generator"]
    assert isinstance(generator, ConvGenerator)
    source = WeightsFile(out / "generator.pt")
    return found | dict(leave_encoders(out, model, generator, source, run))
