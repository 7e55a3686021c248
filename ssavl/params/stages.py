"""One validated model per section of ``params.yaml``;
with :mod:`ssavl.params.shared` the only home of every default.

A section is named after its stage. Unknown keys are refused and ranges checked, so a misspelt
parameter stops a run before it starts. The value that counts is a flag's, else that of ``--set``,
else the file's, else the default here.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from ssavl.params.section import Section
from ssavl.params.shared import (
    ClustersParams,
    CodeInvarianceParams,
    ConsistencyParams,
    Count,
    EncoderParams,
    FitParams,
    InterleavedParams,
    InvarianceParams,
    LikelihoodParams,
    Momenta,
    OptimisationParams,
    Objective,
    OpeningParams,
    OptimisationParams,
    Rate,
    Transformations,
    WarmupParams,
    Weight,
)

Role = Literal["noise", "code", "category"]
Figure = Literal[
    "samples",
    "categories",
    "traversal",
    "reconstructions",
    "interpolation",
    "curves",
    "calibration",
]
FIGURES: tuple[Figure, ...] = get_args(Figure)


class PrepareDataParams(Section):
    """Which images, and how they are cut to size."""

    dataset: Literal["mnist-10k", "mnist", "fashion-mnist", "folder", "dsprites"] = "mnist-10k"
    root: str | None = Field(
        None, description="folder with the official files, or with the images of `folder`"
    )
    image_size: Annotated[int, Field(ge=8, le=1024)] | None = Field(
        None, description="side in pixels; native if null"
    )
    channels: Literal[1, 3] | None = Field(None, description="native if null; 3 for `folder`")
    validation: Annotated[int, Field(ge=0)] = Field(
        0, description="training images held out, to develop on"
    )
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.1, description="of `folder` and `dsprites`; others have their own"
    )
    class_folders: bool = Field(False, description="of `folder`: each sub-folder is a class")
    limit: Annotated[int, Field(ge=2)] | None = Field(
        None, description="of `dsprites`: images to draw; all if null"
    )


class TrainGanParams(OptimisationParams):
    """Wake phase and mutual information (Eqs. 4, 5, 21-24)."""

    schedule: Literal["two-stage", "interleaved"] = "two-stage"
    batch_size: Annotated[int, Field(ge=2)] = 64
    learning_rate: Rate = 0.0003
    adam_betas: Momenta = (0.5, 0.9)
    n_critic: Count = 2
    gp_weight: Weight = 10.0
    gp_every: Count = Field(
        1, description="gradient penalty on every n-th critic step, n times as heavy"
    )
    width: Count = 32
    hidden: Count = 256
    critic: EncoderParams = EncoderParams()
    encoder: EncoderParams = EncoderParams()
    noise_dim: Count = 62
    code_dim: Annotated[int, Field(ge=0)] = 2
    code_prior: Literal["uniform", "normal"] = "uniform"
    categories: Annotated[int, Field(ge=0)] = Field(10, description="K; 0 for no category")
    block_gain: dict[str, float] = Field(default_factory=dict)
    mi_category_weight: Weight = 1.0
    mi_code_weight: Weight = 0.1
    mi_warmup: WarmupParams = WarmupParams()
    code_opening: OpeningParams = OpeningParams()
    code_invariances: CodeInvarianceParams = CodeInvarianceParams()
    real_consistency: ConsistencyParams = ConsistencyParams()
    real_clusters: ClustersParams = ClustersParams()
    shared_trunk: bool = False
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="averaged generator weights; 0 for none"
    )
    interleaved: InterleavedParams = InterleavedParams()

    @model_validator(mode="after")
    def _every_code_opens(self) -> Self:
        opening = self.code_opening
        ends = opening.start + opening.every * max(self.code_dim - 1, 0) + opening.length
        if ends > self.iterations:
            raise ValueError(
                f"code_opening ends at iteration {ends}, "
                f"beyond the {self.iterations} of the training"
            )
        return self


class FitEncodersParams(FitParams):
    """Eqs. 25 and 26; on a latent space of noise alone that is Eq. 27."""

    encoders: Literal["both", "code", "noise"] = Field(
        "both", description="SS-AVL, SS-AVL1 or SS-AVL2"
    )
    start_from: Literal["gan", "scratch"] = Field(
        "gan", description="the encoders that the GAN's training left, if any"
    )
    start_rate: Annotated[float, Field(ge=0, le=1)] = Field(
        1.0,
        description=(
            "learning rate of the encoders that the GAN's training left, as a share of the others'"
        ),
    )
    objective: Objective = Field(
        "latent-nll",
        description="elbo is Eqs. 25-27; latent-nll is -log q of the latents that made the image",
    )
    image_noise: Weight = Field(
        0.0, description="deviation of noise added to generated images, pixels in [0, 1]"
    )
    transformations: Transformations = InvarianceParams()
    encoder: EncoderParams = EncoderParams()


class RetrainRParams(FitParams):
    """SS-AVL-R: both encoders on the joint bound of Eq. 18."""

    source: Literal["generated", "real"] = "generated"
    transformations: Transformations = InvarianceParams()


class TrainVaeParams(FitParams):
    """The baseline that sees real images; its networks and latent space are those of
    ``train-gan``.
    """

    iterations: Count = 20000
    learning_rate: Rate = 0.001


class TrainExtractorParams(OptimisationParams):
    """The classifier that judges images; it trains and selects nothing
    (``ssavl.methods.extractor``).
    """

    iterations: Count = 5000
    batch_size: Annotated[int, Field(ge=2)] = 64
    learning_rate: Rate = 0.0015
    decay: Annotated[int, Field(ge=0)] = 4000
    width: Count = 32
    features: Count = 128
    invariances: InvarianceParams = InvarianceParams(
        rotation=12, scale=0.12, shear=0.15, shift=0.07
    )


class EvaluateParams(Section):
    """What ``evaluate`` measures: on one split of the data, and calibration on generated images."""

    split: Literal["test", "validation"] = "test"
    batch_size: Count = 250
    posterior_samples: Count = Field(
        16, description="draws per image for the expectations of the surrogates"
    )
    clustering: bool = Field(
        True, description="accuracy, NMI and ARI of the category; needs labels"
    )
    kmeans_restarts: Count = Field(
        10, description="of k-means on pixels, the floor beside the clustering metrics"
    )
    calibration_images: Annotated[int, Field(ge=50)] = Field(
        2000, description="generated images with known latents"
    )


class EvaluateTraversalParams(Section):
    """Which latents are walked along (``ssavl.metrics.traversal``)."""

    samples: Count = Field(200, description="latents that every dimension is walked from")
    steps: Annotated[int, Field(ge=2)] = Field(10, description="of a walk, ends included")
    batch_size: Count = Field(500, description="images at a time")


class EvaluateFidelityParams(Section):
    """Which images are compared (``ssavl.metrics.fidelity``)."""

    split: Literal["test", "validation", "train"] = "test"
    samples: Annotated[int, Field(ge=10)] | None = Field(
        None, description="images on each side; half of the split if null"
    )
    batch_size: Count = 250


class EvaluateDisentanglementParams(Section):
    """How disentanglement is measured; the protocols of each metric stand in
    ``ssavl.metrics.disentanglement``.
    """

    roles: Annotated[list[Role], Field(min_length=1)] = Field(
        ["code", "category"], description="blocks that make the representation"
    )
    train: Annotated[int, Field(ge=20)] = Field(
        10000, description="points that classifiers and histograms are made of"
    )
    test: Annotated[int, Field(ge=10)] = Field(
        5000, description="further points that classifiers are scored on"
    )
    batch_size: Count = Field(250, description="images encoded at a time")
    bins: Annotated[int, Field(ge=2)] = Field(
        20, description="of a dimension's histogram, for mutual information"
    )
    trees: Count = Field(100, description="boosting rounds of each of DCI's classifiers")


class EvaluateLikelihoodParams(Section):
    """How tightly the likelihood is bounded, and on how many images
    (``ssavl evaluate likelihood``).
    """

    split: Literal["train", "validation", "test"] = "test"
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
    temperatures: Annotated[int, Field(ge=0)] = Field(
        500, description="of annealing; 0 leaves it out"
    )
    chains: Count = Field(8, description="of annealing, per image")
    leapfrog: Count = Field(5, description="steps of a Hamiltonian transition; 1 is Langevin")
    schedule: Literal["sigmoidal", "linear"] = "sigmoidal"
    category_every: Count = Field(5, description="temperatures between Gibbs updates of a category")
    start: Literal["encoder", "prior"] = Field(
        "encoder", description="where annealing begins; an encoder is tighter"
    )
    sigma_from: Literal["given", "generated", "train", "validation", "test"] = Field(
        "given",
        description="where a Gaussian likelihood's sigma is learned: generated images, or a split",
    )


class RenderFiguresParams(Section):
    """How the figures look."""

    figures: list[Figure] = Field(default_factory=lambda: list(FIGURES))
    columns: Annotated[int, Field(ge=2, le=100)] = 10
    gif: bool = False


class Params(Section):
    """The whole of ``params.yaml``."""

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    beta: Weight = Field(
        1.0, description="weight of every KL while encoders are fitted (Eqs. 18, 25-27)"
    )
    gan_ckpt: str = "data/gan/generator.pt"
    likelihood: LikelihoodParams = LikelihoodParams()
    prepare_data: PrepareDataParams = Field(PrepareDataParams(), alias="prepare-data")
    train_gan: TrainGanParams = Field(TrainGanParams(), alias="train-gan")
    fit_encoders: FitEncodersParams = Field(FitEncodersParams(), alias="fit-encoders")
    retrain_r: RetrainRParams = Field(RetrainRParams(), alias="retrain-R")
    train_vae: TrainVaeParams = Field(TrainVaeParams(), alias="train-vae")
    train_extractor: TrainExtractorParams = Field(TrainExtractorParams(), alias="train-extractor")
    evaluate: EvaluateParams = EvaluateParams()
    evaluate_traversal: EvaluateTraversalParams = Field(
        EvaluateTraversalParams(), alias="evaluate-traversal"
    )
    evaluate_fidelity: EvaluateFidelityParams = Field(
        EvaluateFidelityParams(), alias="evaluate-fidelity"
    )
    evaluate_disentanglement: EvaluateDisentanglementParams = Field(
        EvaluateDisentanglementParams(), alias="evaluate-disentanglement"
    )
    evaluate_likelihood: EvaluateLikelihoodParams = Field(
        EvaluateLikelihoodParams(), alias="evaluate-likelihood"
    )
    render_figures: RenderFiguresParams = Field(RenderFiguresParams(), alias="render-figures")
