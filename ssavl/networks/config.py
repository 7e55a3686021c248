"""What a file says of a network, before one is built: closed, every number in a range."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from ssavl.errors import UserError
from ssavl.latents.names import Prior, Role
from ssavl.latents.priors import Block
from ssavl.latents.space import LatentSpace
from ssavl.networks.layout import ImageShape, blocked, layout
from ssavl.params.section import Section, one_line
from ssavl.params.shared import LARGEST, MOST, Size, Width
from ssavl.storage.plain import require_plain

Config = TypeVar("Config", bound=Section)


def _plain(value: Any) -> Any:
    require_plain(value, "it")  # a tensor of one number passes for a number
    return value


Own = TypeVar("Own")
Plain = Annotated[Own, BeforeValidator(_plain)]


class Told(Section):
    """Plain data as this program wrote it: no text becomes a number, no number a truth value."""

    model_config = ConfigDict(strict=True)


class BlockConfig(Told):
    """A block of a latent space."""

    name: Annotated[str, Field(max_length=200)]
    role: Role
    prior: Prior
    dim: Size


Blocks = Annotated[list[BlockConfig], Field(min_length=1, max_length=64)]


class ImagesConfig(Told):
    """A network that makes or reads images: their channels, height and side; how wide it is."""

    image_shape: Annotated[list[int], Field(min_length=3, max_length=3)]
    width: Width

    @property
    def shape(self) -> ImageShape:
        """Channels, height and width."""
        channels, height, side = self.image_shape
        return channels, height, side

    @property
    def seen(self) -> ImageShape:
        """What its convolutions see of them."""
        return self.shape

    @model_validator(mode="after")
    def _possible(self) -> ImagesConfig:
        if self.shape[0] not in (1, 3):
            raise ValueError(f"images have 1 or 3 channels, not {self.shape[0]}")
        layout(self.seen, self.width)
        return self


class SpacedConfig(ImagesConfig):
    """The same, with a latent space at its other end."""

    space: Blocks

    @property
    def latent_space(self) -> LatentSpace:
        """Raises ``ValueError`` for blocks that make no space."""
        return LatentSpace(Block(b.name, b.role, b.prior, b.dim) for b in self.space)

    @model_validator(mode="after")
    def _spaced(self) -> SpacedConfig:
        if self.latent_space.dim > 2**16:
            raise ValueError("its latent space has more than 65536 dimensions")
        return self


class TrunkConfig(ImagesConfig):
    """Of a :class:`ssavl.networks.trunk.Trunk`, and of what stands on one."""

    features: Size
    stem: Annotated[int, Field(ge=1, le=16)] = 1

    @property
    def seen(self) -> ImageShape:
        return blocked(self.shape, self.stem)


class ConvGeneratorConfig(SpacedConfig):
    """Of a :class:`ssavl.networks.generator.ConvGenerator`."""

    hidden: Size
    block_gain: dict[str, float]


class PixelCnnConfig(SpacedConfig):
    """Of a :class:`ssavl.networks.pixelcnn.PixelCnn`; its space is that of the code."""

    depth: Annotated[int, Field(ge=0, le=64)]


class ReweightedGeneratorConfig(Told):
    """Of a :class:`ssavl.networks.reweighted.ReweightedGenerator`."""

    generator: ConvGeneratorConfig
    width: Size
    depth: Annotated[int, Field(ge=0, le=64)]
    proposals: Size


class MixtureGeneratorConfig(Told):
    """Of a :class:`ssavl.networks.mixture.MixtureGenerator`."""

    generator: ConvGeneratorConfig
    moving: Size
    components: Annotated[int, Field(ge=2, le=LARGEST)]
    hidden: Size


class MixingGeneratorConfig(Told):
    """Of a :class:`ssavl.networks.components.MixingGenerator`."""

    generator: ConvGeneratorConfig
    components: Annotated[int, Field(ge=1, le=64)]
    size: Size


class EncoderConfig(SpacedConfig, TrunkConfig):
    """Of a :class:`ssavl.networks.encoder.Encoder`."""


class MixtureEncoderConfig(TrunkConfig):
    """Of a :class:`ssavl.networks.mixture.MixtureEncoder`."""

    moving: Size
    size: Size
    components: Annotated[int, Field(ge=2, le=LARGEST)]
    hidden: Size


class ExpertsConfig(EncoderConfig):
    """Of :class:`ssavl.networks.experts.Experts`."""

    sources: Literal["whole", "halves", "quadrants"]


class ComponentEncodersConfig(TrunkConfig):
    """Of :class:`ssavl.networks.components.ComponentEncoders`."""

    components: Annotated[int, Field(ge=1, le=64)]
    size: Size


class NoisyEncoderConfig(EncoderConfig):
    """Of a :class:`ssavl.networks.noisy_encoder.NoisyEncoder`."""

    noise: Size
    neurons: Size


class ClassifierConfig(TrunkConfig):
    """Of a :class:`ssavl.networks.classifier.Classifier`."""

    classes: Size


class StudentClustererConfig(TrunkConfig):
    """Of a :class:`ssavl.networks.student_clusterer.StudentClusterer`."""

    size: Size
    clusters: Size


class EmbeddingConfig(TrunkConfig):
    """Of a :class:`ssavl.networks.embedding.Embedding`."""

    size: Size
    count: Annotated[int, Field(ge=1, le=MOST)]
    neighbours: Size


def told(kind: type[Config], config: Mapping[str, Any], what: str) -> Config:
    """What a file says, checked.

    Args:
        what: it is said of, for the message.

    Raises:
        UserError: it lacks something, has something unheard of, or a value out of range.
    """
    try:
        return kind.model_validate(config)
    except ValidationError as error:
        raise UserError(f"{what}: {one_line(error.errors(), kind)}") from None
