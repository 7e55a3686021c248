"""Sections inside other sections, what several of them share, and kinds of values."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ssavl.params.section import Section

MOST = 10**9  # of anything that is counted
WIDEST = 2048  # channels of the first feature map; the last has eight times as many
LARGEST = 2**16  # dimensions of a vector

AT_ONCE = 2**16  # images that are in memory together

Count = Annotated[int, Field(ge=1, le=MOST)]
Batch = Annotated[int, Field(ge=1, le=AT_ONCE)]
Number = Annotated[int, Field(ge=0, le=MOST)]
Width = Annotated[int, Field(ge=1, le=WIDEST)]
Size = Annotated[int, Field(ge=1, le=LARGEST)]
Dimensions = Annotated[int, Field(ge=0, le=LARGEST)]
Weight = Annotated[float, Field(ge=0)]
Rate = Annotated[float, Field(gt=0, le=1, description="learning rate of Adam")]
Iterations = Annotated[int, Field(ge=1, le=MOST, description="updates of the whole run")]
Momentum = Annotated[float, Field(ge=0, lt=1)]
Momenta = Annotated[tuple[Momentum, Momentum], Field(description="Adam's beta_1 and beta_2")]

Objective = Literal["elbo", "latent-nll", "both"]


class OptimisationParams(Section):
    """How long and how fast a network is trained: the one home of both."""

    iterations: Iterations = 20000
    batch_size: Batch = Field(64, description="images per update")
    pieces: Annotated[int, Field(ge=1, le=AT_ONCE)] = Field(
        1, description="parts that a batch is computed in, one after another, to take less memory"
    )
    learning_rate: Rate = 0.001
    adam_betas: Momenta = (0.9, 0.999)
    decay: Number = Field(0, description="last iterations, over which the learning rate falls to 0")
    log_every: Count = Field(50, description="iterations per row of log.csv")

    @property
    def piece(self) -> int:
        """Images that are in memory together."""
        return self.batch_size // self.pieces

    @model_validator(mode="after")
    def _whole_pieces(self) -> Self:
        if self.batch_size % self.pieces:
            raise ValueError(f"pieces = {self.pieces} do not divide batch_size = {self.batch_size}")
        return self


class LikelihoodParams(Section):
    """The observation model of every bound (see ``ssavl.objectives.likelihood``)."""

    name: Literal["paper", "gaussian", "bernoulli"] = Field(
        "paper", description="observation model: -|x - x'|^2, a normal density, or Bernoulli pixels"
    )
    sigma: Annotated[float, Field(gt=0)] = Field(
        0.1, description="deviation of a pixel in units of [0, 1]; of gaussian alone"
    )


class WarmupParams(Section):
    """When a term sets in: nothing before ``start``,
    then a linear ramp over ``length`` iterations.
    """

    start: Number = Field(0, description="iterations before the term sets in")
    length: Number = Field(0, description="iterations in which it rises to its weight")


class InvarianceParams(Section):
    """How far random transformations of images go (``ssavl.objectives.invariances``); 0 is off."""

    rotation: Annotated[float, Field(ge=0, le=180)] = Field(
        0.0, description="degrees, uniform in plus or minus"
    )
    scale: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="relative, uniform in plus or minus"
    )
    shear: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0, description="relative, uniform in plus or minus"
    )
    shift: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="share of the side, uniform in plus or minus"
    )
    warp: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0, description="deviation of a smooth displacement, in half sides"
    )
    flip: bool = Field(False, description="exchange left and right in half of the images")
    contrast: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="relative, uniform in plus or minus"
    )
    gamma: Weight = Field(
        0.0, description="grey levels to the power exp(u), u uniform in plus or minus"
    )
    noise: Weight = Field(0.0, description="deviation of pixel noise, in units of [0, 1]")


class TrunkParams(Section):
    """The shape of a network that reads images."""

    width: Width = Field(32, description="channels of the feature map at half the image's side")
    features: Size = Field(256, description="numbers that the convolutions end in")


class EncoderParams(TrunkParams):
    """The shape of an encoder."""

    stem: Literal[1, 2, 4, 8, 16] | None = Field(
        None,
        description=(
            "side of the blocks of pixels that are read as the channels of one; null: so that no "
            "more than 64 are left on a side"
        ),
    )


class GeneratorParams(Section):
    """The shape of a generator."""

    width: Width = Field(32, description="channels of the feature map at half the image's side")
    hidden: Size = Field(256, description="size of the layer before the first feature map")
    block_gain: dict[str, float] = Field(
        default_factory=dict, description="factor on a block at the input, by its name; else 1"
    )


class NetworksParams(Section):
    """The shapes of the networks of every training."""

    generator: GeneratorParams = GeneratorParams()
    critic: TrunkParams = TrunkParams()
    encoder: EncoderParams = EncoderParams()


class LatentsParams(Section):
    """The latent space of every training: noise, then code and category unless their size is 0."""

    noise: Size = Field(62, description="dimensions")
    code: Dimensions = Field(2, description="dimensions; 0 for no code")
    code_prior: Literal["uniform", "normal"] = Field(
        "uniform", description="prior of each code: uniform on (-1, 1), or normal"
    )
    categories: Dimensions = Field(10, description="K; 0 for no category")


class RelaxationParams(Section):
    """How a category is drawn while gradients flow through it (Eq. 10)."""

    temperature: Annotated[float, Field(gt=0)] = Field(
        0.67, description="of the relaxed category; towards 0 it is one-hot"
    )
    straight_through: bool = Field(False, description="one-hot forth, relaxed back")


Transformations = Annotated[
    InvarianceParams,
    Field(
        description=(
            "of the images that encoders learn from, into such as the generator cannot make"
        )
    ),
]


Survivors = Annotated[
    dict[str, Annotated[float, Field(gt=0)]],
    Field(
        description=(
            "blocks that a transformed image still shows, each with the weight of its -log q: "
            "these alone are then learned from transformed images"
        )
    ),
]


class FitParams(OptimisationParams):
    """How encoders are trained, whatever the equation."""

    iterations: Iterations = 2000
    learning_rate: Rate = 0.0005
    recompute: bool = Field(
        False,
        description=(
            "compute the generator's activations again on the way back, where a bound goes through "
            "it, in place of keeping them: less memory, more time"
        ),
    )
    relaxation: RelaxationParams = RelaxationParams()
