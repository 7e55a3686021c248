"""The extractor: a trained classifier that images are judged by, and its file ``extractor.pt``.

Everything here computes in float32, whatever the precision of what it judges: features in bfloat16
would move a distance between them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor

from ssavl.engine.device import Compute
from ssavl.networks.classifier import Classifier
from ssavl.networks.config import Plain, told
from ssavl.networks.content import EntryContent
from ssavl.networks.registry import entry, named, rebuild_as
from ssavl.storage.checkpoint import load_checkpoint, rebuilding, save_checkpoint
from ssavl.storage.weights import weights_hash

KIND = "extractor"
FILE = "extractor.pt"


@dataclass(frozen=True)
class Extractor:
    """A classifier that judges.

    Attributes:
        network: frozen.
        classes: their names, in the order of the logits.
        data: the data set that it was trained on: its name, and the hash of its manifest.
        accuracy: share of right answers, by split that it was not trained on.
        weights: hash of the weights, sixteen hexadecimal digits.
    """

    network: Classifier
    classes: tuple[str, ...]
    data: Mapping[str, str]
    accuracy: Mapping[str, float]
    weights: str = field(init=False)

    def __post_init__(self) -> None:
        self.network.eval().requires_grad_(False)
        object.__setattr__(self, "weights", weights_hash(self.network))

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the images that it reads."""
        return self.network.trunk.image_shape

    def place(self, compute: Compute) -> Extractor:
        """The same, on the device."""
        compute.place(self.network)
        return self

    def features(self, x: Tensor) -> Tensor:
        """Features ``(B, F)``, float32, of images ``(B, C, H, W)`` in [0, 1]."""
        with torch.autocast(x.device.type, enabled=False):
            return self.network.features(x.float())

    def logits(self, x: Tensor) -> Tensor:
        """Unnormalised log-probabilities ``(B, classes)``, float32,
        of images ``(B, C, H, W)`` in [0, 1].
        """
        with torch.autocast(x.device.type, enabled=False):
            return self.network(x.float())

    def probabilities(self, x: Tensor) -> Tensor:
        """Class probabilities ``(B, classes)`` of images ``(B, C, H, W)`` in [0, 1]."""
        return self.logits(x).softmax(-1)

    def classify(self, x: Tensor) -> Tensor:
        """Index ``(B,)`` of the likeliest class of images ``(B, C, H, W)`` in [0, 1]."""
        return self.logits(x).argmax(-1)

    def record(self) -> dict[str, Any]:
        """What a result that it judged says of it."""
        return {"name": self.data["name"], "weights": self.weights, "accuracy": dict(self.accuracy)}


class ExtractorContent(EntryContent):
    """The content of ``extractor.pt``."""

    ssavl: int
    kind: str
    classes: Annotated[list[str], Field(min_length=1)]
    data: dict[str, str]
    accuracy: Plain[dict[str, Annotated[float, Field(ge=0, le=1)]]]

    @model_validator(mode="after")
    def _every_class_named(self) -> Self:
        if len(self.classes) != self.config["classes"]:
            raise ValueError(f"{len(self.classes)} names for {self.config['classes']} classes")
        if "name" not in self.data:
            raise ValueError("data: the name is missing")
        return self


@torch.no_grad()
def accuracy(network: Classifier, batches: Iterable[Tensor], labels: NDArray[np.int64]) -> float:
    """Share of images whose likeliest class is their label.

    Args:
        batches: images ``(B, C, H, W)`` in [0, 1].
        labels: ``(N,)``, of all of them in the same order.
    """
    device = next(network.parameters()).device
    found = torch.cat([network(x.to(device)).argmax(-1).cpu() for x in batches]).numpy()
    return float((found == labels).mean())


def save_extractor(path: Path, extractor: Extractor) -> None:
    """Write ``extractor.pt``."""
    payload = {
        **entry(extractor.network),
        "classes": list(extractor.classes),
        "data": dict(extractor.data),
        "accuracy": dict(extractor.accuracy),
    }
    save_checkpoint(path, KIND, payload)


def load_extractor(path: Path) -> Extractor:
    """The extractor in a file, or in the ``extractor.pt`` of a folder, on the CPU.

    Raises:
        UserError: as :func:`ssavl.storage.checkpoint.load_checkpoint`.
    """
    file = path / FILE if path.is_dir() else path
    content = load_checkpoint(file, KIND)
    with rebuilding(file):
        told(ExtractorContent, named(content, "classifier"), "its content")
        network = rebuild_as(Classifier, named(content, "classifier"))
        return Extractor(network, tuple(content["classes"]), content["data"], content["accuracy"])
