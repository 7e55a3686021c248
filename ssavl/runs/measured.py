"""What measurements left, read back: numbers by model and metric, whoever wrote the files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from ssavl.errors import UserError
from ssavl.params.section import one_line
from ssavl.storage.documents import read_json

Name = Annotated[str, Field(max_length=200)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Values = dict[Name, Number | None]
Content = TypeVar("Content", bound=BaseModel)


class Metrics(RootModel[dict[Name, Values]]):
    """Metrics by name of each model; ``null`` where one has none."""


class _Open(BaseModel):
    """Of which more is said than is read here."""

    model_config = ConfigDict(extra="ignore")


class Scores(_Open):
    """Of disentanglement."""

    scores: dict[Name, Values]


class Kept(_Open):
    """A share of steps."""

    kept: Number


class Walk(_Open):
    """The walks of one block."""

    mean: Number
    worst: Kept


class Pure(_Open):
    """A value of a category."""

    share: Number


class Walks(_Open):
    """Judged walks."""

    blocks: dict[Name, Walk]
    categories: dict[Name, Annotated[list[Pure], Field(min_length=1)]]


def read_metrics(path: Path) -> dict[str, dict[str, Any]]:
    """Metrics by model, of ``metrics.json`` and ``baselines.json``.

    Raises:
        UserError: no such file, or another.
    """
    return read_measured(path, Metrics).root


def read_measured(path: Path, kind: type[Content]) -> Content:
    """What a measurement left.

    Raises:
        UserError: no such file, or another.
    """
    try:
        return kind.model_validate(read_json(path))
    except ValidationError as error:
        raise UserError(
            f"{path}: {one_line(error.errors(), kind)}: `ssavl evaluate` writes it anew"
        ) from None
