"""Generators that ``ssavl train-gan`` trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ssavl.networks.generator import ConvGenerator
from ssavl.storage.checkpoint import load_checkpoint, rebuilding, require_kind, save_checkpoint

KIND = "generator"


def save_generator(
    path: Path, generator: ConvGenerator, encoders: Sequence[Mapping[str, Any]]
) -> None:
    """Write ``generator.pt``: the generator, and what its training left of encoders (see
    ``models.inference``).
    """
    save_checkpoint(path, KIND, payload(generator, encoders))


def payload(generator: ConvGenerator, encoders: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A generator as plain data and tensors."""
    return {"config": generator.config, "state": generator.state_dict(), "encoders": list(encoders)}


def load_generator(path: Path) -> ConvGenerator:
    """The generator in a file, frozen, in evaluation mode, on the CPU.

    Raises:
        UserError: as :func:`ssavl.storage.checkpoint.load_checkpoint`.
    """
    return read_generator(load_checkpoint(path, KIND), path)


def read_generator(content: Mapping[str, Any], path: Path) -> ConvGenerator:
    """The generator in the content of a checkpoint file, as :func:`load_generator` gives it.

    Raises:
        UserError: another kind of content.
    """
    require_kind(content, KIND, path)
    with rebuilding(path):
        generator = ConvGenerator.from_config(content["config"])
        generator.load_state_dict(content["state"])
    generator.eval().requires_grad_(False)
    return generator


def load_training_encoders(path: Path) -> list[Mapping[str, Any]]:
    """The entries of the encoders that the generator's training left, for ``build_encoders``;
    may be empty.
    """
    with rebuilding(path):
        return list(load_checkpoint(path, KIND)["encoders"])
