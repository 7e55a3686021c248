"""What is measured: a section per ``ssavl evaluate``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ssavl.params.section import Section
from ssavl.params.shared import MOST, Batch, Count, Number

Role = Literal["noise", "code", "category"]


class EvaluateParams(Section):
    """What ``evaluate`` measures: on one split of the data, and calibration on generated images."""

    split: Literal["test", "validation"] = Field(
        "test", description="split whose images are measured"
    )
    batch_size: Batch = Field(250, description="images at a time")
    posterior_samples: Count = Field(
        16, description="draws per image for the expectations of the surrogates"
    )
    clustering: bool = Field(
        True, description="accuracy, NMI and ARI of the category; needs labels"
    )
    kmeans_restarts: Count = Field(
        10, description="of k-means on pixels, the floor beside the clustering metrics"
    )
    calibration_images: Annotated[int, Field(ge=50, le=MOST)] = Field(
        2000, description="generated images with known latents"
    )
    calibration_observed: bool = Field(
        False, description="calibration on images with the likelihood's noise as well"
    )


class EvaluateTraversalParams(Section):
    """Which latents are walked along (``ssavl.metrics.traversal``)."""

    samples: Count = Field(200, description="latents that every dimension is walked from")
    steps: Annotated[int, Field(ge=2, le=MOST)] = Field(10, description="of a walk, ends included")
    batch_size: Batch = Field(500, description="images at a time")


class EvaluateFidelityParams(Section):
    """Which images are compared (``ssavl.metrics.fidelity``)."""

    split: Literal["test", "validation", "train"] = Field(
        "test", description="split whose images are measured"
    )
    samples: Annotated[int, Field(ge=10, le=MOST)] | None = Field(
        None, description="images on each side; half of the split if null"
    )
    batch_size: Batch = Field(250, description="images at a time")


class EvaluateDisentanglementParams(Section):
    """How disentanglement is measured; the protocols of each metric stand in
    ``ssavl.metrics.disentanglement``.
    """

    roles: Annotated[list[Role], Field(min_length=1)] = Field(
        ["code", "category"], description="blocks that make the representation"
    )
    train: Annotated[int, Field(ge=20, le=MOST)] = Field(
        10000, description="points that classifiers and histograms are made of"
    )
    test: Annotated[int, Field(ge=10, le=MOST)] = Field(
        5000, description="further points that classifiers are scored on"
    )
    batch_size: Batch = Field(250, description="images encoded at a time")
    bins: Annotated[int, Field(ge=2, le=MOST)] = Field(
        20, description="of a dimension's histogram, for mutual information"
    )
    trees: Count = Field(100, description="boosting rounds of each of DCI's classifiers")


class EvaluateLikelihoodParams(Section):
    """How tightly the likelihood is bounded, and on how many images
    (``ssavl evaluate likelihood``).
    """

    split: Literal["train", "validation", "test"] = Field(
        "test", description="split whose images are measured"
    )
    images: Count = Field(
        16, description="the first so many of the split, and as many drawn from the generator"
    )
    rows: Count = Field(256, description="images times draws, or images times chains, at a time")
    posterior_samples: Count = Field(
        16, description="draws per image for the expectations of the surrogates"
    )
    k: Annotated[list[Count], Field(min_length=1)] = Field(
        [1, 50, 5000], description="draws of each weighted bound"
    )
    temperatures: Number = Field(500, description="of annealing; 0 leaves it out")
    chains: Count = Field(8, description="of annealing, per image")
    leapfrog: Count = Field(5, description="steps of a Hamiltonian transition; 1 is Langevin")
    schedule: Literal["sigmoidal", "linear"] = Field(
        "sigmoidal", description="how the temperatures of annealing are spaced"
    )
    category_every: Count = Field(5, description="temperatures between Gibbs updates of a category")
    start: Literal["encoder", "prior"] = Field(
        "encoder", description="where annealing begins; an encoder is tighter"
    )
    sigma_from: Literal["given", "generated", "train", "validation", "test"] = Field(
        "given",
        description="where a Gaussian likelihood's sigma is learned: generated images, or a split",
    )
