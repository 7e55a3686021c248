"""A generator, the encoders that belong to it, and the images that it could have made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ssavl.engine.device import Compute
from ssavl.errors import UserError
from ssavl.generators import AnyGenerator, Generator, Source
from ssavl.models.inference import InferenceModel, load_inference_model
from ssavl.storage.weights import weights_hash


def load_models(
    encoders: Sequence[Path], generator: AnyGenerator, compute: Compute
) -> dict[str, InferenceModel]:
    """The models in files or folders, on the device, by name;
    a second one of a name goes by its path.

    Raises:
        UserError: a file that cannot be read, or encoders of another generator.
    """
    models: dict[str, InferenceModel] = {}
    for path in encoders:
        model = load_inference_model(path)
        check_fit(model, generator, path)
        models[model.name if model.name not in models else str(path)] = compute.place(model)
    return models


def check_fit(model: InferenceModel, generator: AnyGenerator, path: Path) -> None:
    """Refuse encoders that belong to another generator.

    Raises:
        UserError: other images, a block that the generator's latent space has not, or other
            weights.
    """
    missing = [repr(b.name) for b in model.space.blocks if b not in generator.latent_space.blocks]
    if model.image_shape != tuple(generator.image_shape) or missing:
        raise UserError(
            f"{path} infers {model.space!r} from {model.image_shape} images, but the generator "
            f"maps {generator.latent_space!r} to {tuple(generator.image_shape)}: fit encoders to "
            "this generator"
        )
    if model.origin is not None and model.origin.weights != weights_hash(generator):
        raise UserError(
            f"{path} was fitted to a generator with other weights: fit encoders to this generator"
        )


def require_same_shape(
    generator: Generator, gan: Source, shape: tuple[int, int, int], data: Path
) -> None:
    """Refuse a generator of other images than the data's, which have this ``(C, H, W)``.

    Raises:
        UserError: other channels, height or width.
    """
    if shape != tuple(generator.image_shape):
        raise UserError(
            f"{gan.spec} makes {generator.image_shape} images, but {data} holds {shape}"
        )
