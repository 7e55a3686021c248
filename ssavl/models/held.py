"""A model in memory: what ``ssavl.fit`` and ``ssavl.train`` give."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ssavl.errors import UserError
from ssavl.generators.behaviour import Behaviour
from ssavl.generators.description import BlockDescription, Description
from ssavl.generators.origin import Origin
from ssavl.latents.space import LatentSpace
from ssavl.models.files import Saved, write
from ssavl.models.inference import InferenceModel
from ssavl.models.protocol import Clusterer
from ssavl.networks.generator import GeneratorNetwork
from ssavl.networks.registry import name_of
from ssavl.storage.weights import weights_hash


@dataclass(frozen=True)
class Held:
    """A generator and what belongs to it, in memory.

    Attributes:
        method: what trained it.
        generator: frozen.
        encoders: fitted to it; ``None`` where nothing infers.
        clusterer: categories of images that no generator reads.
    """

    method: str
    generator: GeneratorNetwork | None
    encoders: InferenceModel | None
    clusterer: Clusterer | None = None

    @property
    def folder(self) -> Path:
        """Raises ``UserError``: it is in none."""
        raise UserError("the model is in memory: save it first")

    @property
    def inference(self) -> InferenceModel:
        """The encoders. Raises ``UserError`` where there are none."""
        if self.encoders is None:
            raise UserError(f"a model of {self.method} infers nothing: it has no encoders")
        return self.encoders

    @property
    def origin(self) -> Origin:
        """What encoders that are saved will say of the generator."""
        generator = self.load_generator()
        described = generator.described()
        return Origin(
            weights=weights_hash(generator),
            space=[BlockDescription(**entry) for entry in generator.latent_space.config],
            path="a network in memory",
            described=Description() if described is None else Description(**described),
            behaviour=Behaviour.of(generator),
            runs_code=described is not None,
        )

    @property
    def latent_space(self) -> LatentSpace:
        """The generator's."""
        return self.load_generator().latent_space

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return self.load_generator().image_shape

    def load_generator(self) -> GeneratorNetwork:
        """The generator. Raises ``UserError`` where there is none."""
        if self.generator is None:
            raise UserError(f"a model of {self.method} makes no images: it has no generator")
        return self.generator

    def save(self, folder: Path) -> Path:
        """Write ``model.pt`` where the generator is ours; else ``encoders.pt``, without it."""
        ours = self.generator is not None and name_of(self.generator) is not None
        if not ours and self.encoders is None:
            raise UserError("there is nothing to save: the generator is not ours, and no encoders")
        generator = self.generator if ours else None
        saved = Saved(self.method, {}, generator, self.encoders, self.clusterer)
        return write(folder, saved, None if ours else self.origin)
