"""The generator in a file of ours: a part of a ``model`` file, or alone in one of FORMAT 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssavl.errors import UserError
from ssavl.generators.content import AloneContent, ModelContent, PartsContent
from ssavl.networks.config import told
from ssavl.networks.embedding import Embedding
from ssavl.networks.generator import GeneratorNetwork
from ssavl.networks.registry import Entry, named, rebuild_as
from ssavl.storage.checkpoint import load_checkpoint, rebuilding, require_kind

MODEL = "model"
ALONE = "generator"  # FORMAT 1


@dataclass(frozen=True)
class Loaded:
    """What a generator's source holds.

    Attributes:
        generator: frozen, in evaluation mode, on the CPU.
        training_encoders: what its training left of encoders, not fitted ones, for
            :func:`ssavl.networks.registry.rebuild`; none beside anyone else's generator.
        sorter: what sorted the real images for its training, if anything did.
    """

    generator: GeneratorNetwork
    training_encoders: tuple[Entry, ...] = ()
    sorter: Embedding | None = None


def load_own(path: Path) -> Loaded:
    """The generator in a file of ours.

    Raises:
        UserError: as :func:`ssavl.storage.checkpoint.load_checkpoint`; a file without a generator.
    """
    return read_own(load_checkpoint(path, MODEL, ALONE), path)


def read_own(content: Mapping[str, Any], path: Path) -> Loaded:
    """The same, of the content of the file.

    Raises:
        UserError: another kind of content, or a model without a generator.
    """
    require_kind(content, (MODEL, ALONE), path)
    with rebuilding(path):
        parts = parts_of(content)
        if "generator" in parts:
            generator = generator_of(parts)
            require_space(content, generator.latent_space.config)
            return Loaded(generator, training_encoders_of(parts), sorter_of(parts))
        held = " and ".join(sorted(parts)) or "nothing"
    raise UserError(f"{path} holds no generator, only {held}")


def parts_of(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parts of a model, checked; FORMAT 1 kept them in files of their own, without their
    network's name.

    Raises:
        UserError: something that no such file holds.
    """
    if content["kind"] != ALONE:
        told(ModelContent, content, "its content")
        return checked(content["parts"])
    told(AloneContent, content, "its content")
    left = [named(entry, "encoder") for entry in content["encoders"]]
    network = {"config": content["config"], "state": content["state"]}
    return checked({"generator": named(network, "conv-generator"), "training_encoders": left})


def checked(parts: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parts, where they are what :class:`PartsContent` says.

    Raises:
        UserError: they are not.
    """
    told(PartsContent, parts, "its parts")
    return parts


def require_space(content: Mapping[str, Any], space: Any) -> None:
    """Refuse a file that says another latent space than its parts have.

    Raises:
        ValueError: it does.
    """
    if content["kind"] == MODEL and content["space"] != space:
        raise ValueError("its space is not that of its parts")


def generator_of(parts: Mapping[str, Any]) -> GeneratorNetwork:
    """The generator among them, frozen, in evaluation mode.

    Raises:
        UserError: a network that is no generator.
    """
    network = rebuild_as(GeneratorNetwork, parts["generator"])
    network.eval().requires_grad_(False)
    return network


def training_encoders_of(parts: Mapping[str, Any]) -> tuple[Entry, ...]:
    """Entries of the encoders that training left among them; may be none."""
    return tuple(parts.get("training_encoders", ()))


def sorter_of(parts: Mapping[str, Any]) -> Embedding | None:
    """What sorted the real images for the training, frozen, in evaluation mode.

    Raises:
        UserError: a network of another kind.
    """
    if "sorter" not in parts:
        return None
    sorter = rebuild_as(Embedding, parts["sorter"])
    sorter.eval().requires_grad_(False)
    return sorter
