"""``manifest.json`` of prepared data: what the arrays beside it are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from ssavl.errors import UserError
from ssavl.params.section import Section, one_line
from ssavl.params.shared import Number
from ssavl.storage.documents import read_json

Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Side = Annotated[int, Field(ge=1, le=2**14)]


class Splits(Section):
    """How many images are in which, in the order of the array."""

    train: Number
    validation: Number
    test: Number


class Hashes(Section):
    """SHA-256 of the arrays."""

    images: Hash = Field(alias="images.npy")
    labels: Hash | None = Field(None, alias="labels.npy")


class Manifest(Section):
    """The whole of it."""

    dataset: Annotated[str, Field(max_length=500)]
    image_shape: tuple[Literal[1, 3], Side, Side]
    splits: Splits
    classes: list[Annotated[str, Field(max_length=500)]]
    unreadable: dict[str, str]
    notes: list[str] = Field(default_factory=list)
    sha256: Hashes

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.count:
            raise ValueError("splits: there is no image in any")
        if (self.sha256.labels is None) != (not self.classes):
            raise ValueError("classes: labels have no names, or names no labels")
        return self

    @property
    def count(self) -> int:
        """Images in all."""
        return self.splits.train + self.splits.validation + self.splits.test


def read_manifest(path: Path) -> tuple[Manifest, dict[str, Any]]:
    """A manifest, and the same as plain data.

    Raises:
        UserError: no such file, or something else in it.
    """
    content = read_json(path)
    try:
        return Manifest.model_validate(content), content
    except ValidationError as error:
        raise UserError(
            f"{path}: {one_line(error.errors(), Manifest)}: run `ssavl prepare-data` again"
        ) from None
