"""What autoencoders share: a generator and encoders of its latents that learn together."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from ssavl.engine.act import Act
from ssavl.engine.memory import Memory
from ssavl.engine.phase import Phase
from ssavl.images.draws import Draws
from ssavl.latents.space import Factorised
from ssavl.methods import networks
from ssavl.methods.method import Common, Leaves, Method
from ssavl.methods.shared import NORMALISED, Terms, part
from ssavl.models.inference import InferenceModel
from ssavl.models.protocol import Observed
from ssavl.networks.encoder import Encoder
from ssavl.networks.generator import ConvGenerator
from ssavl.params.shared import RelaxationParams


@dataclass(frozen=True)
class Seen:
    """One batch as an autoencoder sees it.

    Attributes:
        x: real images ``(B, C, H, W)`` in [0, 1].
        posterior: q(latents | x), its blocks in the order of the generator's.
        latents: a differentiable draw of it, ``(B, dim)``.
        log_likelihood: log p(x | latents) in nats, ``(B,)``.
    """

    x: Tensor
    posterior: Factorised
    latents: Tensor
    log_likelihood: Tensor


@dataclass(frozen=True)
class Autoencoder:
    """A generator, and an encoder for each part of its latent space."""

    generator: ConvGenerator
    encoders: tuple[Encoder, ...]
    model: InferenceModel
    common: Common
    data: Draws

    @property
    def modules(self) -> dict[str, nn.Module]:
        """All of it, by the names that phases use."""
        return {"generator": self.generator, **networks.encoder_names(self.encoders)}

    @property
    def leaves(self) -> Leaves:
        """What stays of it."""
        return Leaves(self.generator, self.encoders)

    def see(self, relaxation: RelaxationParams) -> Seen:
        """The next batch of real images, its posterior, a draw, and how likely that makes it."""
        x = self.data.real(self.common.batch_size)
        inferred, space = self.model.posterior(x), self.generator.latent_space
        assert isinstance(inferred, Factorised)
        draw = inferred.rsample(relaxation.temperature, relaxation.straight_through)
        latents = part(draw, inferred.space, space)
        density = Observed(self.generator, self.common.likelihood)
        return Seen(x, inferred.over(space), latents, density.log_prob(x, latents))

    def method(
        self,
        name: str,
        terms: Callable[[int], Terms],
        coupled: str = NORMALISED,
        remembers: Mapping[str, Memory] | None = None,
        varies: Callable[[int], Hashable] | None = None,
    ) -> Method:
        """A method whose one phase moves all of it by one loss; ``varies`` is the phase's.

        Args:
            remembers: what is not trained, by name.
        """
        phases = (Phase("encoders", tuple(self.modules), terms, varies=varies),)
        act = Act(name, phases, self.common.optimisation, coupled=coupled)
        return Method({**self.modules, **(remembers or {})}, (act,), self.leaves)


def autoencoder(name: str, common: Common, data: Draws) -> Autoencoder:
    """An untrained one.

    Args:
        name: of the method.

    Raises:
        ValueError: an image size that cannot be made, or a gain for an unknown block.
    """
    generator = networks.generator(common.latents, common.networks, data.image_shape)
    shape = common.networks.encoder
    encoders = networks.encoders(generator.latent_space, shape, data.image_shape)
    return Autoencoder(generator, encoders, InferenceModel(encoders, name), common, data)
