"""Parameters: one validated model per section of ``params.yaml``; the only home of every default.

A section is named after its stage. Unknown keys are refused and ranges checked, so a misspelt
parameter stops a run before it starts. The value that counts is a flag's, else that of ``--set``,
else the file's, else the default here.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from ssavl.section import Section

Count = Annotated[int, Field(ge=1)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Rate = Annotated[float, Field(gt=0, le=1)]
Momenta = Annotated[tuple[float, float], Field(description="Adam's beta_1 and beta_2")]

Objective = Literal["elbo", "latent-nll", "both"]
Role = Literal["noise", "code", "category"]
Figure = Literal["samples", "categories", "traversal", "reconstructions", "interpolation", "curves", "calibration"]
FIGURES: tuple[Figure, ...] = get_args(Figure)


class LikelihoodParams(Section):
    """The observation model of every bound (see ``ssavl.objectives.likelihood``)."""

    name: Literal["paper", "gaussian", "bernoulli"] = "paper"
    sigma: Annotated[float, Field(gt=0)] = 0.1


class PrepareDataParams(Section):
    """Which images, and how they are cut to size."""

    dataset: Literal["mnist-10k", "mnist", "fashion-mnist", "folder", "dsprites"] = "mnist-10k"
    root: str | None = Field(None, description="folder with the official files, or with the images of `folder`")
    image_size: Annotated[int, Field(ge=8, le=1024)] | None = Field(None, description="side in pixels; native if null")
    channels: Literal[1, 3] | None = Field(None, description="native if null; 3 for `folder`")
    validation: Annotated[int, Field(ge=0)] = Field(0, description="training images held out, to develop on")
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.1, description="of `folder` and `dsprites`; others have their own"
    )
    class_folders: bool = Field(False, description="of `folder`: each sub-folder is a class")
    limit: Annotated[int, Field(ge=2)] | None = Field(None, description="of `dsprites`: images to draw; all if null")


class WarmupParams(Section):
    """When a term sets in: nothing before ``start``, then a linear ramp over ``length`` iterations."""

    start: Annotated[int, Field(ge=0)] = 0
    length: Annotated[int, Field(ge=0)] = 0


class OpeningParams(Section):
    """When each dimension of a code opens: the first at ``start``, then one ``every`` so many iterations, each slowly.

    All zero is the paper to the letter: every dimension is open from the first iteration on.
    """

    start: Annotated[int, Field(ge=0)] = 0
    every: Annotated[int, Field(ge=0)] = 0
    length: Annotated[int, Field(ge=0)] = Field(0, description="iterations in which a dimension opens")


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

    codes: bool = Field(False, description="whether codes, like the category, are read from transformed images")


class ConsistencyParams(Section):
    """Clustering of real training images by q(d | x), label-free (``ssavl.objectives.consistency``); 0 is the paper."""

    weight: Weight = 0.0
    warmup: WarmupParams = WarmupParams()


class ClustersParams(Section):
    """Categories of real training images, label-free, that q(d | x) starts from (``ssavl.methods.clusters``)."""

    iterations: Annotated[int, Field(ge=0)] = Field(0, description="of the embedding; 0 is the paper")
    batch_size: Annotated[int, Field(ge=2)] = 256
    learning_rate: Rate = 0.001
    decay: Annotated[int, Field(ge=0)] = 0
    temperature: Annotated[float, Field(gt=0)] = 0.5
    size: Count = Field(64, description="dimensions of the embedding")
    invariances: InvarianceParams = InvarianceParams()
    restarts: Count = Field(100, description="of k-means, the tightest of which is kept")
    neighbours: Count = Field(10, description="of each image, in the graph that its category is read from")
    directions: Count = Field(12, description="eigenvectors of that graph")
    # L_MI's bound holds for any q(d | x), so q may learn from real images, and the generator must
    # draw what q reads there. When q also learns from generated images, two categories can settle
    # on each other's digits by texture. Accuracy on real images does not show it until the
    # data-free fit (validation accuracy .969 before, .849 after, seed 5).
    alone: bool = Field(False, description="q(d | x) learns from them alone; L_MI then moves the generator only")
    weight: Weight = Field(1.0, description="of q(d | x) agreeing with the clusters on real images during train-gan")


class RelaxationParams(Section):
    """How a category is drawn while gradients flow through it (Eq. 10)."""

    temperature: Annotated[float, Field(gt=0)] = 0.67
    straight_through: bool = False


class EncoderParams(Section):
    """The shape of an encoder."""

    width: Count = 32
    features: Count = 256


class InterleavedParams(Section):
    """The terms of Eqs. 25 and 26 inside ``train-gan``; read by the schedule ``interleaved`` alone.

    They stand apart from the top level's ``beta`` and ``likelihood`` so that changing those never retrains a GAN.
    """

    beta: Weight = 1.0
    likelihood: LikelihoodParams = LikelihoodParams()
    relaxation: RelaxationParams = RelaxationParams()


class TrainGanParams(Section):
    """Wake phase and mutual information (Eqs. 4, 5, 21-24)."""

    schedule: Literal["two-stage", "interleaved"] = "two-stage"
    iterations: Count = 20000
    batch_size: Annotated[int, Field(ge=2)] = 64
    learning_rate: Rate = 0.0003
    adam_betas: Momenta = (0.5, 0.9)
    decay: Annotated[int, Field(ge=0)] = Field(0, description="last iterations over which the learning rate falls to 0")
    n_critic: Count = 2
    gp_weight: Weight = 10.0
    gp_every: Count = Field(1, description="gradient penalty on every n-th critic step, n times as heavy")
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
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = Field(0.0, description="averaged generator weights; 0 for none")
    interleaved: InterleavedParams = InterleavedParams()
    log_every: Count = 50

    @model_validator(mode="after")
    def _every_code_opens(self) -> Self:
        opening = self.code_opening
        ends = opening.start + opening.every * max(self.code_dim - 1, 0) + opening.length
        if ends > self.iterations:
            raise ValueError(f"code_opening ends at iteration {ends}, beyond the {self.iterations} of the training")
        return self


Transformations = Annotated[
    InvarianceParams,
    Field(description="of the images that encoders learn from, into such as the generator cannot make; needs elbo"),
]


class FitParams(Section):
    """How encoders are trained, whatever the equation; by ``train-vae`` their generator too."""

    iterations: Count = 2000
    batch_size: Count = 64
    learning_rate: Rate = 0.0005
    adam_betas: Momenta = (0.9, 0.999)
    decay: Annotated[int, Field(ge=0)] = 0
    relaxation: RelaxationParams = RelaxationParams()
    log_every: Count = 50


class FitEncodersParams(FitParams):
    """Eqs. 25 and 26; on a latent space of noise alone that is Eq. 27."""

    encoders: Literal["both", "code", "noise"] = Field("both", description="SS-AVL, SS-AVL1 or SS-AVL2")
    start_from: Literal["gan", "scratch"] = Field(
        "gan", description="the encoders that the GAN's training left, if any"
    )
    start_rate: Annotated[float, Field(ge=0, le=1)] = Field(
        1.0, description="learning rate of the encoders that the GAN's training left, as a share of the others'"
    )
    objective: Objective = Field(
        "latent-nll", description="elbo is Eqs. 25-27; latent-nll is -log q of the latents that made the image"
    )
    image_noise: Weight = Field(0.0, description="deviation of noise added to generated images, pixels in [0, 1]")
    transformations: Transformations = InvarianceParams()
    encoder: EncoderParams = EncoderParams()


class RetrainRParams(FitParams):
    """SS-AVL-R: both encoders on the joint bound of Eq. 18."""

    source: Literal["generated", "real"] = "generated"
    transformations: Transformations = InvarianceParams()


class TrainVaeParams(FitParams):
    """The baseline that sees real images; its networks and latent space are those of ``train-gan``."""

    iterations: Count = 20000
    learning_rate: Rate = 0.001


class TrainExtractorParams(Section):
    """The classifier that judges images; it trains and selects nothing (``ssavl.methods.classifier``)."""

    iterations: Count = 5000
    batch_size: Annotated[int, Field(ge=2)] = 64
    learning_rate: Rate = 0.0015
    adam_betas: Momenta = (0.9, 0.999)
    decay: Annotated[int, Field(ge=0)] = 4000
    width: Count = 32
    features: Count = 128
    invariances: InvarianceParams = InvarianceParams(rotation=12, scale=0.12, shear=0.15, shift=0.07)
    log_every: Count = 50


class EvaluateParams(Section):
    """What ``evaluate`` measures: on one split of the data, and calibration on generated images."""

    split: Literal["test", "validation"] = "test"
    batch_size: Count = 250
    posterior_samples: Count = Field(16, description="draws per image for the expectations of the surrogates")
    clustering: bool = Field(True, description="accuracy, NMI and ARI of the category; needs labels")
    kmeans_restarts: Count = Field(10, description="of k-means on pixels, the floor beside the clustering metrics")
    calibration_images: Annotated[int, Field(ge=50)] = Field(2000, description="generated images with known latents")


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
    """How disentanglement is measured; the protocols of each metric stand in ``ssavl.metrics.disentanglement``."""

    roles: Annotated[list[Role], Field(min_length=1)] = Field(
        ["code", "category"], description="blocks that make the representation"
    )
    train: Annotated[int, Field(ge=20)] = Field(10000, description="points that classifiers and histograms are made of")
    test: Annotated[int, Field(ge=10)] = Field(5000, description="further points that classifiers are scored on")
    batch_size: Count = Field(250, description="images encoded at a time")
    bins: Annotated[int, Field(ge=2)] = Field(20, description="of a dimension's histogram, for mutual information")
    trees: Count = Field(100, description="boosting rounds of each of DCI's classifiers")


class EvaluateLikelihoodParams(Section):
    """How tightly the likelihood is bounded, and on how many images (``ssavl evaluate likelihood``)."""

    split: Literal["train", "validation", "test"] = "test"
    images: Count = Field(16, description="the first so many of the split, and as many drawn from the generator")
    rows: Count = Field(256, description="images times draws, or images times chains, at a time")
    posterior_samples: Count = Field(16, description="draws per image for the expectations of the surrogates")
    k: Annotated[list[Count], Field(min_length=1)] = Field([1, 50, 5000], description="draws of each weighted bound")
    temperatures: Annotated[int, Field(ge=0)] = Field(500, description="of annealing; 0 leaves it out")
    chains: Count = Field(8, description="of annealing, per image")
    leapfrog: Count = Field(5, description="steps of a Hamiltonian transition; 1 is Langevin")
    schedule: Literal["sigmoidal", "linear"] = "sigmoidal"
    category_every: Count = Field(5, description="temperatures between Gibbs updates of a category")
    start: Literal["encoder", "prior"] = Field("encoder", description="where annealing begins; an encoder is tighter")
    sigma_from: Literal["given", "generated", "train", "validation", "test"] = Field(
        "given", description="where a Gaussian likelihood's sigma is learned: generated images, or a split"
    )


class RenderFiguresParams(Section):
    """How the figures look."""

    figures: list[Figure] = Field(default_factory=lambda: list(FIGURES))
    columns: Annotated[int, Field(ge=2, le=100)] = 10
    gif: bool = False


class Params(Section):
    """The whole of ``params.yaml``."""

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    beta: Weight = Field(1.0, description="weight of every KL while encoders are fitted (Eqs. 18, 25-27)")
    gan_ckpt: str = "data/gan/generator.pt"
    likelihood: LikelihoodParams = LikelihoodParams()
    prepare_data: PrepareDataParams = Field(PrepareDataParams(), alias="prepare-data")
    train_gan: TrainGanParams = Field(TrainGanParams(), alias="train-gan")
    fit_encoders: FitEncodersParams = Field(FitEncodersParams(), alias="fit-encoders")
    retrain_r: RetrainRParams = Field(RetrainRParams(), alias="retrain-R")
    train_vae: TrainVaeParams = Field(TrainVaeParams(), alias="train-vae")
    train_extractor: TrainExtractorParams = Field(TrainExtractorParams(), alias="train-extractor")
    evaluate: EvaluateParams = EvaluateParams()
    evaluate_traversal: EvaluateTraversalParams = Field(EvaluateTraversalParams(), alias="evaluate-traversal")
    evaluate_fidelity: EvaluateFidelityParams = Field(EvaluateFidelityParams(), alias="evaluate-fidelity")
    evaluate_disentanglement: EvaluateDisentanglementParams = Field(
        EvaluateDisentanglementParams(), alias="evaluate-disentanglement"
    )
    evaluate_likelihood: EvaluateLikelihoodParams = Field(EvaluateLikelihoodParams(), alias="evaluate-likelihood")
    render_figures: RenderFiguresParams = Field(RenderFiguresParams(), alias="render-figures")
