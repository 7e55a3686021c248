"""A generator, the models that belong to it, and the images that it could have made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from torch import nn

from ssavl.engine.device import Compute
from ssavl.errors import UserError
from ssavl.generators.description import Description
from ssavl.generators.load import load_generator
from ssavl.generators.memory import AnyGan, as_generator
from ssavl.generators.origin import Origin
from ssavl.generators.protocol import Generator
from ssavl.generators.source import Source, WeightsFile
from ssavl.latents.space import LatentSpace
from ssavl.models.files import Saved, file_of, load_model, write
from ssavl.models.inference import InferenceModel
from ssavl.networks.generator import GeneratorNetwork
from ssavl.storage.weights import weights_hash

Model = TypeVar("Model")


class Bundle:
    """Encoders and their generator, which is found when it is first needed.

    Args:
        path: of the encoders, a file or folder.
        gan: the generator, a source or a network; ``None`` is the one in the same file, else the
            one that the encoders name, where loading it runs no code.

    Raises:
        UserError: a file that cannot be read, or has no encoders.
    """

    def __init__(self, path: Path, gan: AnyGan | None = None) -> None:
        saved = load_model(path, "encoders")
        assert saved.inference is not None
        self.inference, self.method = saved.inference, saved.method
        self.encoders: InferenceModel | None = saved.inference
        self.path = path
        self.folder = folder_of(path)
        self._beside, self._gan = saved.generator, gan

    @property
    def origin(self) -> Origin:
        """What the encoders say of their generator; where it lies beside them, that.

        Raises:
            UserError: they say nothing.
        """
        if self.inference.origin is not None:
            return self.inference.origin
        if self._beside is None:
            raise UserError(f"{self.path} names no generator: fit its encoders anew")
        file = WeightsFile(file_of(self.path, "encoders"))
        return Origin.of(file, self.folder, self._beside, weights_hash(self._beside))

    def load_generator(self) -> GeneratorNetwork:
        """The generator, as :func:`ssavl.generators.load_generator` gives it.

        Raises:
            UserError: it cannot be loaded, or the encoders belong to another.
        """
        if self._gan is not None:
            generator = as_generator(self._gan, self._described())
        elif self._beside is not None:
            generator = self._beside
        else:
            generator = load_generator(self.origin.source(self.folder))
        check_fit(self.inference, generator, self.path)
        return generator

    @property
    def latent_space(self) -> LatentSpace:
        """The generator's, as the encoders say it."""
        return self.origin.latent_space()

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the images that the encoders read."""
        return self.inference.image_shape

    def save(self, folder: Path) -> Path:
        """Write the encoders into another folder; the file."""
        origin = self.origin.model_copy(update={"path": self.origin.moved(self.folder, folder)})
        return write(folder, Saved(self.method, inference=self.inference), origin)

    def _described(self) -> Description:
        """What the encoders know of a network that somebody hands over."""
        return self.inference.origin.described if self.inference.origin else Description()


def generator_of(source: Source | None, encoders: Path | None) -> GeneratorNetwork:
    """A generator that is named, or the one that encoders name; where both are, it must be theirs.

    Raises:
        UserError: it cannot be loaded, or the encoders belong to another.
    """
    if encoders is not None:
        return Bundle(encoders, source).load_generator()
    assert source is not None
    return load_generator(source)


def folder_of(path: Path) -> Path:
    """The folder that a file is in, or the folder itself."""
    return path if path.is_dir() else path.parent


def by_name(
    paths: Iterable[Path], load: Callable[[Path], Model], name: Callable[[Model], str]
) -> dict[str, tuple[Path, Model]]:
    """What is in files or folders, each with its path, by name; a second one of a name goes by its
    path.
    """
    found: dict[str, tuple[Path, Model]] = {}
    for path in paths:
        model = load(path)
        found[name(model) if name(model) not in found else str(path)] = path, model
    return found


def load_saved(paths: Sequence[Path], compute: Compute) -> dict[str, tuple[Path, Saved]]:
    """The models in files or folders, each with its path, by name; what infers or clusters is on
    the device.

    Raises:
        UserError: a file that cannot be read, or holds neither encoders nor a clusterer.
    """
    models = by_name(paths, load_model, lambda saved: saved.name)
    for path, saved in models.values():
        if saved.inference is None and saved.clusterer is None:
            raise UserError(f"{path} holds neither encoders nor a clusterer: there is no model")
        for part in (saved.inference, saved.clusterer):
            if isinstance(part, nn.Module):
                compute.place(part)
    return models


def inferring(
    models: Mapping[str, tuple[Path, Saved]], generator: GeneratorNetwork
) -> dict[str, InferenceModel]:
    """Those that have encoders, by name.

    Raises:
        UserError: encoders of another generator.
    """
    found = {}
    for name, (path, saved) in models.items():
        if saved.inference is not None:
            check_fit(saved.inference, generator, path)
            found[name] = saved.inference
    return found


def load_models(
    paths: Sequence[Path], generator: GeneratorNetwork, compute: Compute
) -> dict[str, InferenceModel]:
    """The encoders in files or folders, on the device, by name; a model without is left out.

    Raises:
        UserError: as :func:`load_saved` and :func:`inferring`.
    """
    return inferring(load_saved(paths, compute), generator)


def check_fit(model: InferenceModel, generator: GeneratorNetwork, path: Path) -> None:
    """Refuse encoders that belong to another generator.

    Raises:
        UserError: other images, a block that the generator's latent space has not, other weights,
            or equal ones that are used in another way.
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
            f"{path} was fitted to a generator with other weights: name that one with --gan, or "
            "fit encoders to this generator"
        )
    kept = None if model.origin is None else model.origin.behaviour
    changed = None if kept is None else kept.differs(generator)
    if changed is not None:
        raise UserError(
            f"{path} was fitted to a generator of these weights that did otherwise: {changed}. "
            "Give it its description or code back, or fit encoders anew"
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
