"""Files of models, FORMAT 2.

.. code-block:: python

    {"ssavl": 2, "kind": "model", "method": str, "params": {...}, "space": [...], "parts": {
        "generator": entry,
        "training_encoders": [entry, ...],     # what training left beside it; fitted to nothing
        "encoders": {"name", "image_noise", "origin", "networks": [entry, ...]},
        "clusterer": entry,
        "sorter": entry,                       # what sorted real images for the training
    }}

What a model has not is absent. An entry is ``{"network", "config", "state"}``
(:mod:`ssavl.networks.registry`); ``params`` are plain data that say how it was trained, ``space``
is the latent space of its generator, else of its encoders. A training leaves ``generator.pt``,
``encoders.pt`` or ``model.pt``, by what it has; which file stands for what is said by its parts.

FORMAT 1 had a kind ``generator`` and a kind ``encoders``, without ``network``: they are read as
what they would be today.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from torch import nn

from ssavl.errors import UserError
from ssavl.generators.content import FittedContent
from ssavl.generators.origin import Origin, read_origin
from ssavl.generators.own import (
    ALONE,
    MODEL,
    checked,
    generator_of,
    parts_of,
    require_space,
    sorter_of,
    training_encoders_of,
)
from ssavl.models.inference import InferenceModel, check_name
from ssavl.models.protocol import Clusterer
from ssavl.networks.config import told
from ssavl.networks.embedding import Embedding
from ssavl.networks.encoder import Encoder, EncoderNetwork
from ssavl.networks.generator import GeneratorNetwork
from ssavl.networks.registry import Entry, entry, named, rebuild, rebuild_as
from ssavl.storage.checkpoint import load_checkpoint, rebuilding, save_checkpoint, save_portable

ENCODERS = "encoders"  # FORMAT 1

Part = Literal["generator", "encoders", "clusterer"]

# where a part is looked for in a folder, the first that is there
FILES: dict[Part | None, tuple[str, ...]] = {
    "generator": ("generator.pt", "model.pt"),
    "encoders": ("encoders.pt", "model.pt"),
    "clusterer": ("model.pt",),
    None: ("encoders.pt", "model.pt", "generator.pt"),
}


@dataclass(frozen=True)
class Saved:
    """A trained model, as a file holds it; what it has not is ``None``.

    Attributes:
        method: the name of what trained it.
        params: plain data: how.
        generator: its images.
        inference: its fitted encoders.
        clusterer: categories of images that no generator reads; an ``nn.Module``.
        training_encoders: what the generator's training left of encoders; fitted to nothing.
        sorter: what sorted real images for that training.
    """

    method: str
    params: Mapping[str, Any] = field(default_factory=dict)
    generator: GeneratorNetwork | None = None
    inference: InferenceModel | None = None
    clusterer: Clusterer | None = None
    training_encoders: tuple[Encoder, ...] = ()
    sorter: Embedding | None = None

    @property
    def name(self) -> str:
        """What tables and figures call it."""
        return self.method if self.inference is None else self.inference.name


def save_model(path: Path, saved: Saved) -> None:
    """Write a file: ``.pt``, or ``.safetensors`` with a ``.json`` beside it.

    Raises:
        ValueError: a network that no file can hold, or a method of no possible name.
    """
    save = save_portable if path.suffix == ".safetensors" else save_checkpoint
    save(path, MODEL, payload(saved))


def write(folder: Path, saved: Saved, origin: Origin | None) -> Path:
    """Write a model into a folder, its encoders with an origin; the file.

    Raises:
        UserError: a folder that cannot be written.
    """
    path = folder / ("encoders.pt" if saved.generator is None else "model.pt")
    if saved.inference is not None and origin is not None:
        own = saved.inference
        named = InferenceModel(own, own.name, own.image_noise, origin)
        saved = replace(saved, inference=named)
    try:
        save_model(path, saved)
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror or error})") from None
    return path


def payload(saved: Saved) -> dict[str, Any]:
    """A model as plain data and tensors."""
    check_name(saved.method)
    parts: dict[str, Any] = {}
    if saved.generator is not None:
        parts["generator"] = entry(saved.generator)
    if saved.training_encoders:
        parts["training_encoders"] = [entry(encoder) for encoder in saved.training_encoders]
    if saved.inference is not None:
        parts["encoders"] = _encoders(saved.inference)
    if saved.clusterer is not None:
        assert isinstance(saved.clusterer, nn.Module)
        parts["clusterer"] = entry(saved.clusterer)
    if saved.sorter is not None:
        parts["sorter"] = entry(saved.sorter)
    return {
        "method": saved.method,
        "params": dict(saved.params),
        "space": _space(saved.generator, saved.inference),
        "parts": parts,
    }


def load_model(path: Path, needed: Part | None = None) -> Saved:
    """The model in a file, or in a folder's ``encoders.pt``, ``model.pt`` or ``generator.pt``; in
    evaluation mode, frozen, on the CPU.

    Args:
        needed: a part that it must have, and for which a folder is searched.

    Raises:
        UserError: as :func:`ssavl.storage.checkpoint.load_checkpoint`; a part that it has not.
    """
    file = file_of(path, needed)
    content = load_checkpoint(file, MODEL, ENCODERS, ALONE)
    with rebuilding(file):
        saved = _read(content)
        held = [part for part in _parts(content) if part in FILES]
    if needed is not None and needed not in held:
        raise UserError(f"{file} holds no {needed}, only {' and '.join(held) or 'nothing'}")
    return saved


def load_encoders(path: Path) -> InferenceModel:
    """The fitted encoders in a file or folder, as :func:`load_model` finds them.

    Raises:
        UserError: as :func:`load_model`.
    """
    model = load_model(path, "encoders").inference
    assert model is not None
    return model


def file_of(path: Path, needed: Part | None = None) -> Path:
    """The file that :func:`load_model` reads."""
    if not path.is_dir():
        return path
    places = [path / name for name in FILES[needed]]
    return next((place for place in places if place.is_file()), places[0])


def _space(generator: GeneratorNetwork | None, inference: InferenceModel | None) -> Any:
    if generator is not None:
        return generator.latent_space.config
    return inference.space.config if inference is not None else []


def _encoders(model: InferenceModel) -> dict[str, Any]:
    return {
        "name": model.name,
        "image_noise": model.image_noise,
        "origin": model.origin.record() if model.origin is not None else {},
        "networks": [entry(encoder) for encoder in model],
    }


def _parts(content: Mapping[str, Any]) -> Mapping[str, Any]:
    if content["kind"] != ENCODERS:
        return parts_of(content)
    told(FittedContent, content, "its content")
    networks = [named(entry, "encoder") for entry in content["encoders"]]
    own = {key: content[key] for key in ("name", "image_noise", "origin")}
    return checked({"encoders": {**own, "networks": networks}})


def _read(content: Mapping[str, Any]) -> Saved:
    """What is in a file. Other errors than ``UserError`` are for ``rebuilding``."""
    parts = _parts(content)
    generator = generator_of(parts) if "generator" in parts else None
    inference = _inference(parts["encoders"]) if "encoders" in parts else None
    left = tuple(rebuild_as(Encoder, one) for one in training_encoders_of(parts))
    if content["kind"] != MODEL:  # FORMAT 1 did not say what had trained it
        return Saved("ss-avl", {}, generator, inference, None, left)
    clusterer = _clusterer(parts["clusterer"]) if "clusterer" in parts else None
    sorter = sorter_of(parts)
    check_name(content["method"])
    require_space(content, _space(generator, inference))
    saved = Saved(
        content["method"], content["params"], generator, inference, clusterer, left, sorter
    )
    if not isinstance(saved.params, Mapping):
        raise TypeError("its params are no mapping")
    return saved


def _inference(part: Mapping[str, Any]) -> InferenceModel:
    encoders = [rebuild_as(EncoderNetwork, one) for one in part["networks"]]
    origin = read_origin(part["origin"])
    model = InferenceModel(encoders, part["name"], float(part["image_noise"]), origin)
    model.eval().requires_grad_(False)
    return model


def _clusterer(part: Entry) -> Clusterer:
    network = rebuild(part).eval().requires_grad_(False)
    if not isinstance(network, Clusterer):
        raise UserError(f"the network '{part['network']}' has no categories to tell")
    return network
