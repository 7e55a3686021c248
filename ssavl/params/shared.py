"""Sections inside other sections, what several of them share, and kinds of values."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ssavl.params.section import Section

Count = Annotated[int, Field(ge=1)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Rate = Annotated[float, Field(gt=0, le=1)]
Momenta = Annotated[tuple[float, float], Field(description="Adam's beta_1 and beta_2")]

Objective = Literal["elbo", "latent-nll", "both"]


class OptimisationParams(Section):
    """How long and how fast a network is trained: the one home of both."""

    iterations: Count = 20000
    batch_size: Count = 64
    learning_rate: Rate = 0.001
    adam_betas: Momenta = (0.9, 0.999)
    decay: Annotated[int, Field(ge=0)] = Field(
        0, description="last iterations, over which the learning rate falls to 0"
    )
    log_every: Count = Field(50, description="iterations per row of log.csv")


class LikelihoodParams(Section):
    """The observation model of every bound (see ``ssavl.objectives.likelihood``)."""

    name: Literal["paper", "gaussian", "bernoulli"] = "paper"
    sigma: Annotated[float, Field(gt=0)] = 0.1


class WarmupParams(Section):
    """When a term sets in: nothing before ``start``,
    then a linear ramp over ``length`` iterations.
    """

    start: Annotated[int, Field(ge=0)] = 0
    length: Annotated[int, Field(ge=0)] = 0


class InvarianceParams(Section):
    """How far random transformations of images go (``ssavl.objectives.invariances``); 0 is off."""

    rotation: Annotated[float, Field(ge=0, le=180)] = 0.0
    scale: Annotated[float, Field(ge=0, lt=1)] = 0.0
    shear: Annotated[float, Field(ge=0, le=1)] = 0.0
    shift: Annotated[float, Field(ge=0, lt=1)] = 0.0
    warp: Annotated[float, Field(ge=0, le=1)] = 0.0
    flip: bool = False
    contrast: Annotated[float, Field(ge=0, lt=1)] = 0.0
    gamma: Weight = 0.0
    noise: Weight = 0.0


class EncoderParams(Section):
    """The shape of an encoder."""

    width: Count = 32
    features: Count = 256


class GeneratorParams(Section):
    """The shape of a generator."""

    width: Count = 32
    hidden: Count = 256
    block_gain: dict[str, float] = Field(
        default_factory=dict, description="factor on a block at the input, by its name; else 1"
    )


class NetworksParams(Section):
    """The shapes of the networks of every training."""

    generator: GeneratorParams = GeneratorParams()
    critic: EncoderParams = EncoderParams()
    encoder: EncoderParams = EncoderParams()


class LatentsParams(Section):
    """The latent space of every training: noise, then code and category unless their size is 0."""

    noise: Count = 62
    code: Annotated[int, Field(ge=0)] = 2
    code_prior: Literal["uniform", "normal"] = "uniform"
    categories: Annotated[int, Field(ge=0)] = Field(10, description="K; 0 for no category")


class RelaxationParams(Section):
    """How a category is drawn while gradients flow through it (Eq. 10)."""

    temperature: Annotated[float, Field(gt=0)] = 0.67
    straight_through: bool = False


Transformations = Annotated[
    InvarianceParams,
    Field(
        description=(
            "of the images that encoders learn from, into such as the generator cannot make"
        )
    ),
]


Survivors = Annotated[
    dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]],
    Field(
        description=(
            "blocks that a transformed image still shows, each with the weight of its -log q: "
            "these alone are then learned from transformed images"
        )
    ),
]


class FitParams(OptimisationParams):
    """How encoders are trained, whatever the equation."""

    iterations: Count = 2000
    learning_rate: Rate = 0.0005
    relaxation: RelaxationParams = RelaxationParams()
