"""What SS-AVL reads; every mechanism off, it is the paper to the letter."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ssavl.params.section import Section
from ssavl.params.shared import (
    AT_ONCE,
    Count,
    InvarianceParams,
    LikelihoodParams,
    Momenta,
    Number,
    OptimisationParams,
    Rate,
    RelaxationParams,
    Size,
    WarmupParams,
    Weight,
)


class OpeningParams(Section):
    """When each dimension of a code opens: the first at ``start``,
    then one ``every`` so many iterations, each slowly.

    All zero is the paper to the letter: every dimension is open from the first iteration on.
    """

    start: Number = Field(0, description="iteration at which the first dimension opens")
    every: Number = Field(0, description="iterations from one dimension to the next")
    length: Number = Field(0, description="iterations in which a dimension opens")


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


class ConsistencyParams(Section):
    """Clustering of real training images by q(d | x), label-free
    (``ssavl.objectives.consistency``); 0 is the paper.
    """

    weight: Weight = Field(
        0.0, description="of the information between two views of a real image, nats"
    )
    warmup: WarmupParams = WarmupParams()


class ClustersParams(OptimisationParams):
    """Categories of real training images, label-free, that q(d | x) starts from.

    See ``ssavl.methods.ssavl.clusters``.
    """

    iterations: Number = Field(0, description="of the embedding; 0 is the paper")
    batch_size: Annotated[int, Field(ge=2, le=AT_ONCE)] = Field(
        256, description="images per update, each in two views"
    )
    adam_betas: Momenta = (0.5, 0.9)
    temperature: Annotated[float, Field(gt=0)] = Field(
        0.5, description="of the contrast between views"
    )
    size: Size = Field(64, description="dimensions of the embedding")
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

    beta: Weight = Field(1.0, description="weight of the KL of Eqs. 25 and 26 there")
    likelihood: LikelihoodParams = LikelihoodParams()
    relaxation: RelaxationParams = RelaxationParams()


class SsAvlParams(Section):
    """Wake phase and mutual information (Eqs. 4, 5, 21-24)."""

    schedule: Literal["two-stage", "interleaved"] = Field(
        "two-stage", description="GAN first, or Algorithm 1 to the letter, encoders included"
    )
    n_critic: Count = Field(2, description="critic updates per generator update")
    gp_weight: Weight = Field(10.0, description="weight of the gradient penalty")
    gp_every: Count = Field(
        1, description="gradient penalty on every n-th critic step, n times as heavy"
    )
    mi_category_weight: Weight = Field(
        1.0, description="weight of the category's part of L_MI (Eq. 24)"
    )
    mi_code_weight: Weight = Field(0.1, description="weight of the codes' part of L_MI")
    mi_warmup: WarmupParams = WarmupParams()
    code_opening: OpeningParams = OpeningParams()
    code_invariances: CodeInvarianceParams = CodeInvarianceParams()
    real_consistency: ConsistencyParams = ConsistencyParams()
    real_clusters: ClustersParams = ClustersParams()
    shared_trunk: bool = Field(
        False, description="critic and code encoder share their convolutions"
    )
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="averaged generator weights; 0 for none"
    )
    interleaved: InterleavedParams = InterleavedParams()


class TrainGanParams(OptimisationParams, SsAvlParams):
    """SS-AVL as the pipeline trains it: what it reads, how long and how fast."""

    batch_size: Annotated[int, Field(ge=2, le=AT_ONCE)] = Field(64, description="images per update")
    learning_rate: Rate = 0.0003
    adam_betas: Momenta = (0.5, 0.9)
