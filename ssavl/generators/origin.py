"""What encoders say of the generator that they were fitted to.

A record of a file, whoever wrote it: data alone. It can name a file of weights, and nothing that
executes: what comes out of :meth:`Origin.source` is a :class:`WeightsFile`, which cannot hold a
factory or a person's trust.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from ssavl.errors import UserError
from ssavl.generators.behaviour import Behaviour
from ssavl.generators.description import BlockDescription, Description
from ssavl.generators.protocol import Generator
from ssavl.generators.source import Source, WeightsFile, code_named, weights_named_in_a_file
from ssavl.latents.space import LatentSpace
from ssavl.params.section import Section, one_line


class Origin(Section):
    """A generator, as the encoders' file names it."""

    weights: Annotated[
        str, Field(pattern=r"^[0-9a-f]{16}$", description="hash of the generator's weights")
    ]
    space: Annotated[list[BlockDescription], Field(min_length=1)]
    path: Annotated[
        str, Field(min_length=1, description="relative to the encoders' folder; of code, its name")
    ]
    described: Description = Description()
    behaviour: Behaviour | None = None  # of encoders that were fitted before it was kept
    runs_code: Annotated[
        bool, Field(description="whether it took code to load it: a hint for people")
    ] = False

    @classmethod
    def of(cls, source: Source, folder: Path, generator: Generator, weights: str) -> Origin:
        """The origin of encoders that are kept in ``folder``.

        Args:
            generator: what the source loads.
            weights: the hash of its weights.
        """
        return cls(
            weights=weights,
            space=[BlockDescription(**entry) for entry in generator.latent_space.config],
            path=source.spec if code_named(source.spec) else os.path.relpath(source.spec, folder),
            described=source.described,
            behaviour=Behaviour.of(generator),
            runs_code=source.runs_code,
        )

    def record(self) -> dict[str, Any]:
        """Plain data for a checkpoint; :func:`read_origin` reads it."""
        return {
            "weights": self.weights,
            "space": self.latent_space().config,
            "path": self.path,
            "described": self.described.model_dump(mode="json", exclude_defaults=True),
            "behaviour": None if self.behaviour is None else self.behaviour.model_dump(mode="json"),
            "runs_code": self.runs_code,
        }

    def latent_space(self) -> LatentSpace:
        """The generator's latent space."""
        return LatentSpace(entry.block() for entry in self.space)

    def moved(self, folder: Path, out: Path) -> str:
        """The path as encoders that move from ``folder`` to ``out`` would name it;
        code keeps its name.
        """
        return self.path if code_named(self.path) else os.path.relpath(folder / self.path, out)

    def source(self, folder: Path) -> WeightsFile:
        """The generator of encoders that are kept in ``folder``.

        Raises:
            UserError: it is named by code, or took code to load.
        """
        if self.runs_code:
            raise UserError(
                f"these encoders belong to {self.path}, whose loading runs code: name it with --gan"
            )
        found = weights_named_in_a_file(
            self.path, self.described, "the encoders' record of their generator"
        )
        return WeightsFile(Path(os.path.relpath(folder / found.file)), self.described)


def read_origin(record: Any) -> Origin | None:
    """The record in a file; ``None`` where it is empty: these encoders were never fitted.

    Raises:
        UserError: something other than such a record.
    """
    if isinstance(record, Mapping) and not record:
        return None
    try:
        origin = Origin.model_validate(record)
        origin.latent_space()
    except ValidationError as error:
        raise UserError(
            f"what it says of its generator: {one_line(error.errors(), Origin)}"
        ) from None
    except ValueError as error:
        raise UserError(f"what it says of its generator: {error}") from None
    return origin
