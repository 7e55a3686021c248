"""One validated model per section of ``params.yaml``;
with :mod:`ssavl.params.shared` the only home of every default.

A section is named after its stage. Unknown keys are refused and ranges checked, so a misspelt
parameter stops a run before it starts. The value that counts is a flag's, else that of ``--set``,
else the file's, else the default here.
"""

from __future__ import annotations

import difflib
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, Field, model_validator

from ssavl.latents.names import NAME
from ssavl.params.colour import Colour
from ssavl.params.data_sets import DATA_SETS
from ssavl.params.evaluate import (
    EvaluateDisentanglementParams,
    EvaluateFidelityParams,
    EvaluateLikelihoodParams,
    EvaluateParams,
    EvaluateTraversalParams,
)
from ssavl.params.section import Section
from ssavl.params.shared import (
    AT_ONCE,
    MOST,
    EncoderParams,
    FitParams,
    InvarianceParams,
    Iterations,
    LatentsParams,
    LikelihoodParams,
    NetworksParams,
    Number,
    Objective,
    OptimisationParams,
    Rate,
    Size,
    Survivors,
    Transformations,
    Weight,
    Width,
)
from ssavl.params.ssavl import TrainGanParams

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


def _known(name: str) -> str:
    if name not in DATA_SETS:
        (near,) = difflib.get_close_matches(name, DATA_SETS, 1, 0.0)
        raise ValueError(f"no data set is called '{name}', the nearest is '{near}'")
    return name


DataSet = Annotated[str, AfterValidator(_known)]


class PrepareDataParams(Section):
    """Which images, and how they are cut to size."""

    dataset: DataSet = Field("mnist-10k", description="where images come from")
    root: str | None = Field(
        None, description="folder with the official files, or with the images of `folder`"
    )
    image_size: Annotated[int, Field(ge=8, le=1024)] | None = Field(
        None, description="side in pixels; native if null"
    )
    channels: Literal[1, 3] | None = Field(None, description="native if null; 3 for `folder`")
    crop: Annotated[int, Field(ge=8, le=2**14)] | None = Field(
        None,
        description=(
            "of picture files: side of the centred square that is kept, before it is resized; the "
            "data set's usual one if null, else the largest"
        ),
    )
    validation: Number = Field(0, description="training images held out, to develop on")
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.1, description="of data that have no test split of their own"
    )
    class_folders: bool = Field(False, description="of `folder`: each sub-folder is a class")
    background: Colour = Field(
        "white",
        description="of `folder`: colour under transparent pixels, such as black or #808080",
    )
    limit: Annotated[int, Field(ge=2, le=MOST)] | None = Field(
        None, description="images to draw; all if null"
    )

    def image_shape(self, size: int, channels: int) -> tuple[int, int, int]:
        """Channels, height and width of a prepared image, where these are the data set's own."""
        side = self.image_size or size
        return self.channels or channels, side, side


class FitEncodersParams(FitParams):
    """Eqs. 25 and 26; on a latent space of noise alone that is Eq. 27."""

    encoders: Literal["both", "code", "noise"] = Field(
        "both", description="SS-AVL, SS-AVL1 or SS-AVL2"
    )
    name: Annotated[str, Field(pattern=f"^{NAME.pattern}$")] | None = Field(
        None, description="of the model in tables and figures; ssavl, ssavl1 or ssavl2 if null"
    )
    start_from: Literal["gan", "scratch"] = Field(
        "scratch",
        description="gan: the encoders that the GAN's training left, which have met real images",
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
    survivors: Survivors = Field(default_factory=dict)
    encoder: EncoderParams = EncoderParams()


class RetrainRParams(FitParams):
    """SS-AVL-R: both encoders on the joint bound of Eq. 18."""

    source: Literal["generated", "real"] = Field(
        "generated", description="images to learn from: the generator's, or the training split"
    )
    transformations: Transformations = InvarianceParams()
    survivors: Survivors = Field(default_factory=dict)


class TrainParams(OptimisationParams):
    """Any method of the registry, by ``ssavl train``; what is its own stands in ``methods``."""

    method: str = Field("vae", description="its name in `ssavl methods`")
    cpu_minutes: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="time of processors after which the last act ends; null for all iterations",
    )


class JudgeInvarianceParams(InvarianceParams):
    """How far digits can be moved and still be read."""

    rotation: Annotated[float, Field(ge=0, le=180)] = Field(
        12, description="degrees, uniform in plus or minus"
    )
    scale: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.12, description="relative, uniform in plus or minus"
    )
    shear: Annotated[float, Field(ge=0, le=1)] = Field(
        0.15, description="relative, uniform in plus or minus"
    )
    shift: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.07, description="share of the side, uniform in plus or minus"
    )


class TrainExtractorParams(OptimisationParams):
    """The classifier that judges images; it trains and selects nothing
    (``ssavl.methods.extractor``).
    """

    iterations: Iterations = 5000
    batch_size: Annotated[int, Field(ge=2, le=AT_ONCE)] = Field(64, description="images per update")
    learning_rate: Rate = 0.0015
    decay: Number = Field(
        4000, description="last iterations, over which the learning rate falls to 0"
    )
    width: Width = Field(32, description="channels of the feature map at half the image's side")
    features: Size = Field(128, description="numbers that the convolutions end in")
    invariances: JudgeInvarianceParams = JudgeInvarianceParams()


class RenderFiguresParams(Section):
    """How the figures look."""

    figures: list[Figure] = Field(
        default_factory=lambda: list(FIGURES), description="figures to draw"
    )
    columns: Annotated[int, Field(ge=2, le=100)] = Field(10, description="images per row")
    gif: bool = Field(False, description="animate traversals and interpolations as well")


class Params(Section):
    """The whole of ``params.yaml``."""

    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(0, description="of everything random")
    beta: Weight = Field(
        1.0, description="weight of every KL while encoders are fitted (Eqs. 18, 25-27)"
    )
    gan_ckpt: str = Field(
        "data/gan/generator.pt", description="file of the generator that encoders are fitted to"
    )
    likelihood: LikelihoodParams = LikelihoodParams()
    latents: LatentsParams = LatentsParams()
    networks: NetworksParams = NetworksParams()
    methods: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="what each method reads of its own, by its name; checked when it is chosen",
    )
    prepare_data: PrepareDataParams = Field(PrepareDataParams(), alias="prepare-data")
    train_gan: TrainGanParams = Field(TrainGanParams(), alias="train-gan")
    fit_encoders: FitEncodersParams = Field(FitEncodersParams(), alias="fit-encoders")
    retrain_r: RetrainRParams = Field(RetrainRParams(), alias="retrain-R")
    train: TrainParams = TrainParams()
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

    def of(self, *sections: str) -> dict[str, Any]:
        """The seed and some sections as plain data: what tells one run from another."""
        return self.model_dump(mode="json", by_alias=True, include={"seed", *sections})

    @model_validator(mode="after")
    def _every_code_opens(self) -> Self:
        opening = self.train_gan.code_opening
        ends = opening.start + opening.every * max(self.latents.code - 1, 0) + opening.length
        if ends > self.train_gan.iterations:
            raise ValueError(
                f"train-gan.code_opening ends at iteration {ends}, "
                f"beyond the {self.train_gan.iterations} of the training"
            )
        return self
