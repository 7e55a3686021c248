"""What a generator's file cannot say of itself: ``<name>.gan.yaml`` beside it.

.. code-block:: yaml

    latents:
      - {role: noise, prior: normal, dim: 100}
        # or uniform, truncated-normal, sphere; of a category, categorical
    latent_shape: [100, 1, 1]   # what the network takes per sample; left out: one flat vector
    separate: false  # true: the blocks are separate arguments, as in class-conditional networks
    output_range: [-1, 1]       # of its images; ours are in [0, 1]
    key: netG                   # where the weights are in a checkpoint
    layers: {slope: 0.2, last: sigmoid, epsilon: 0.001}  # what weights of a DCGAN cannot say
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from ssavl.errors import UserError
from ssavl.latents.names import Prior, Role
from ssavl.params.section import Section, one_line
from ssavl.params.shared import Size
from ssavl.storage.documents import read_yaml
from ssavl.storage.files import write_bytes

if TYPE_CHECKING:
    from ssavl.latents.priors import Block
    from ssavl.latents.space import LatentSpace

LONGEST = 500  # characters of a name in a checkpoint

Level = Annotated[float, Field(ge=-1e6, le=1e6)]


class BlockDescription(Section):
    """One block of the latent space; its name is its role unless given."""

    role: Role = "noise"
    prior: Prior = "normal"
    dim: Size
    name: Annotated[str, Field(max_length=LONGEST)] | None = None

    def block(self) -> Block:
        """The block itself. Raises ``ValueError`` for a prior that does not fit the role."""
        from ssavl.latents.priors import Block  # with torch, which most descriptions do without

        return Block(self.role if self.name is None else self.name, self.role, self.prior, self.dim)


class Layers(Section):
    """What the weights of a DCGAN cannot say of its layers; the tutorial's unless given.

    Attributes:
        slope: of the units between convolutions below 0: ReLU has none, leaky ones often .2.
        last: what maps the last convolution to pixels.
        epsilon: of BatchNorm.
    """

    slope: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = 0.0
    last: Literal["tanh", "sigmoid", "none"] = "tanh"
    epsilon: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 1e-5


class Description(Section):
    """How to call a generator; what is ``None`` is found out by looking at the network."""

    latents: Annotated[list[BlockDescription], Field(max_length=64)] | None = None
    latent_shape: Annotated[list[Size], Field(min_length=1, max_length=8)] | None = None
    separate: bool = False
    output_range: tuple[Level, Level] | None = None
    key: Annotated[str, Field(max_length=LONGEST)] | None = None
    layers: Layers | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Description:
        if self.output_range is not None and not self.output_range[0] < self.output_range[1]:
            raise ValueError(f"output_range {self.output_range} is empty")
        space = self.latent_space()
        if (
            space is not None
            and self.latent_shape is not None
            and math.prod(self.latent_shape) != space.dim
        ):
            raise ValueError(
                f"latent_shape {self.latent_shape} does not hold the {space.dim} numbers of "
                f"{space!r}"
            )
        return self

    def latent_space(self) -> LatentSpace | None:
        """The space, where it is described."""
        if self.latents is None:
            return None
        from ssavl.latents.space import LatentSpace

        return LatentSpace(entry.block() for entry in self.latents)

    def over(self, other: Description) -> Description:
        """This description, with gaps filled from another.

        Raises:
            UserError: the two contradict each other.
        """
        said = self.model_dump(exclude_unset=True, exclude_none=True)
        gaps = other.model_dump(exclude_unset=True, exclude_none=True)
        for name in said.keys() & gaps.keys():
            if not _agree(said[name], gaps[name]):
                raise UserError(
                    f"flags or a record say {name} {said[name]} of the generator, and its "
                    f".gan.yaml {gaps[name]}: leave the flag out, or change the file"
                )
        try:
            return Description.model_validate({**gaps, **said})
        except ValidationError as error:
            raise UserError(
                "what flags or a record say of the generator contradicts its .gan.yaml: "
                f"{one_line(error.errors(), Description)}"
            ) from None


def _agree(one: Any, other: Any) -> bool:
    """Whether two statements are the same; of blocks, in what both say."""
    if isinstance(one, dict) and isinstance(other, dict):
        return all(_agree(one[name], other[name]) for name in one.keys() & other.keys())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_agree, one, other))
    same: bool = one == other
    return same


def description_path(source: Path) -> Path:
    """Where the description of a generator's file lies."""
    return source.with_name(f"{source.stem}.gan.yaml")


def read_description(source: Path) -> Description:
    """The description beside a generator's file; empty where there is none.

    Raises:
        UserError: a file that is not such a description.
    """
    path = description_path(source)
    if not path.is_file():
        return Description()
    content = read_yaml(path)
    try:
        return Description.model_validate({} if content is None else content)
    except ValidationError as error:
        raise UserError(f"{path}: {one_line(error.errors(), Description)}") from None


def write_description(source: Path, description: Description) -> Path:
    """Write the description beside a generator's file, and return its path."""
    path = description_path(source)
    text = yaml.safe_dump(description.model_dump(mode="json", exclude_none=True), sort_keys=False)
    write_bytes(path, text.encode())
    return path
