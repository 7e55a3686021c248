"""The content of files of ours, closed: what they hold is checked as a whole before it is used."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from ssavl.generators.origin import read_origin
from ssavl.networks.config import Blocks, Plain, Told
from ssavl.networks.content import EntryContent

Text = Annotated[str, Field(max_length=500)]


def _origin(record: dict[str, Any]) -> dict[str, Any]:
    read_origin(record)
    return record


Record = Annotated[Plain[dict[str, Any]], AfterValidator(_origin)]
Free = Plain[dict[str, Any]]  # of the version that wrote it: nothing builds on it
Noise = Annotated[Plain[float], Field(ge=0)]


class EncodersContent(Told):
    """Fitted encoders."""

    name: Text
    image_noise: Noise
    origin: Record
    networks: Annotated[list[EntryContent], Field(min_length=1, max_length=64)]


class PartsContent(Told):
    """The parts of a model; what it has not is absent."""

    generator: EntryContent | None = None
    training_encoders: Annotated[list[EntryContent], Field(max_length=64)] = Field(
        default_factory=list
    )
    encoders: EncodersContent | None = None
    clusterer: EntryContent | None = None
    sorter: EntryContent | None = None


class ModelContent(Told):
    """FORMAT 2."""

    ssavl: int
    kind: str
    method: Text
    params: Free
    space: Blocks | Annotated[list[Any], Field(max_length=0)]
    parts: dict[str, Any]


class AloneContent(Told):
    """A generator in FORMAT 1, which had no names of networks."""

    ssavl: int
    kind: str
    config: dict[str, Any]
    state: dict[str, Any]
    encoders: list[dict[str, Any]]


class FittedContent(Told):
    """Encoders in FORMAT 1."""

    ssavl: int
    kind: str
    name: Text
    image_noise: Noise
    origin: Record
    encoders: list[dict[str, Any]]
