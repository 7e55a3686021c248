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


class OpeningParams(Section):
    """When each dimension of a code opens: the first at ``start``,
    then one ``every`` so many iterations, each slowly.

    All zero is the paper to the letter: every dimension is open from the first iteration on.
    """

    start: Annotated[int, Field(ge=0)] = 0
    every: Annotated[int, Field(ge=0)] = 0
    length: Annotated[int, Field(ge=0)] = Field(
        0, description="iterations in which a dimension opens"
    )


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


class CodeInvarianceParams(InvarianceParams):
    """What a category must survive; all zero is the paper to the letter.

    Codes are read from plain images unless ``codes`` says otherwise, because a code may *be* a
    rotation. The default study reads both from transformed images: codes read from plain ones took
    the class from the category (validation accuracy .65 against .80 after 3,000 iterations, one
    seed).
    """

    codes: bool = Field(
        False, description="whether codes, like the category, are read from transformed images"
    )


class RelaxationParams(Section):
    """How a category is drawn while gradients flow through it (Eq. 10)."""

    temperature: Annotated[float, Field(gt=0)] = 0.67
    straight_through: bool = False


class EncoderParams(Section):
    """The shape of an encoder."""

    width: Count = 32
    features: Count = 256


class ConsistencyParams(Section):
    """Clustering of real training images by q(d | x), label-free
    (``ssavl.objectives.consistency``); 0 is the paper.
    """

    weight: Weight = 0.0
    warmup: WarmupParams = WarmupParams()


class ClustersParams(OptimisationParams):
    """Categories of real training images, label-free, that q(d | x) starts from.

    See ``ssavl.methods.ssavl.clusters``.
    """

    iterations: Annotated[int, Field(ge=0)] = Field(
        0, description="of the embedding; 0 is the paper"
    )
    batch_size: Annotated[int, Field(ge=2)] = 256
    adam_betas: Momenta = (0.5, 0.9)
    temperature: Annotated[float, Field(gt=0)] = 0.5
    size: Count = Field(64, description="dimensions of the embedding")
    invariances: InvarianceParams = InvarianceParams()
    restarts: Count = Field(100, description="of k-means, the tightest of which is kept")
    neighbours: Count = Field(
        10, description="of each image, in the graph that its category is read from"
    )
    directions: Count = Field(12, description="eigenvectors of that graph")
    # L_MI's bound holds for any q(d | x), so q may learn from real images, and the generator must
    # draw what q reads there. When q also learns from generated images, two categories can settle
    # on each other's digits by texture. Accuracy on real images does not show it until the
    # data-free fit (validation accuracy .969 before, .849 after, seed 5).
    alone: bool = Field(
        False, description="q(d | x) learns from them alone; L_MI then moves the generator only"
    )
    weight: Weight = Field(
        1.0, description="of q(d | x) agreeing with the clusters on real images during train-gan"
    )


class InterleavedParams(Section):
    """The terms of Eqs. 25 and 26 inside ``train-gan``; read by the schedule ``interleaved`` alone.

    They stand apart from the top level's ``beta`` and ``likelihood`` so that changing those never
    retrains a GAN.
    """

    beta: Weight = 1.0
    likelihood: LikelihoodParams = LikelihoodParams()
    relaxation: RelaxationParams = RelaxationParams()


Transformations = Annotated[
    InvarianceParams,
    Field(
        description=(
            "of the images that encoders learn from, "
            "into such as the generator cannot make; needs elbo"
        )
    ),
]


class FitParams(OptimisationParams):
    """How encoders are trained, whatever the equation."""

    iterations: Count = 2000
    learning_rate: Rate = 0.0005
    relaxation: RelaxationParams = RelaxationParams()
