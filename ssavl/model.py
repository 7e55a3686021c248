"""A generator and what belongs to it as one object, for Python."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from numpy.typing import NDArray
from torch import Tensor

from ssavl.engine.device import Compute
from ssavl.engine.isolation import Stream, apart, isolated
from ssavl.generators.pieces import InPieces
from ssavl.images.batch import Pictures, as_batch, as_floats
from ssavl.inversion.refinement import Refined, Refinement, deviations, refine
from ssavl.latents import walks
from ssavl.latents.draws import together
from ssavl.latents.posterior import Posterior
from ssavl.latents.space import LatentSpace
from ssavl.metrics.likelihood.surrogates import surrogates
from ssavl.metrics.reconstruction import squared_error
from ssavl.models.bundle import Bundle
from ssavl.models.given import as_ends, as_latents
from ssavl.models.held import Held
from ssavl.models.inference import InferenceModel
from ssavl.models.protocol import Observed
from ssavl.networks.generator import GeneratorNetwork
from ssavl.objectives.likelihood import Likelihood, observation
from ssavl.params.arguments import instance, place, whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BATCH = 250  # images whose activations are in memory at a time
PAPER = Likelihood()

Latents = Tensor | NDArray[Any]


class Model:
    """What ``ssavl.load``, ``ssavl.fit`` and ``ssavl.train`` return.

    Images are taken as :func:`ssavl.images.batch.as_batch` takes them; results are tensors on the
    model's device.

    Args:
        bundle: the encoders, and how their generator is found; or both, in memory.
        compute: device and precision.
        seed: of what comes from the prior or from the posterior.
        at_once: images whose activations are in memory at a time; it decides no result.
    """

    def __init__(
        self, bundle: Bundle | Held, compute: Compute, seed: int, at_once: int = BATCH
    ) -> None:
        self.bundle, self.compute, self.seed, self.at_once = bundle, compute, seed, at_once
        if bundle.encoders is not None:
            compute.place(bundle.encoders)
        self._rng = compute.generator(seed)
        self._stream = Stream(compute.device, seed + 1)  # posterior draws repeat no prior draws

    @property
    def inference(self) -> InferenceModel:
        """The encoders. Raises ``UserError`` where there are none."""
        return self.bundle.inference

    @cached_property
    def generator(self) -> GeneratorNetwork:
        """The generator, loaded when it is first needed.

        Raises:
            UserError: it cannot be loaded, or the encoders belong to another.
        """
        with isolated(self.compute.device):
            return self.compute.place(self.bundle.load_generator())

    @cached_property
    def latent_space(self) -> LatentSpace:
        """The generator's: the space of :meth:`encode` and :meth:`decode`."""
        return self.bundle.latent_space

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return self.bundle.image_shape

    @apart
    def posterior(self, images: Pictures) -> Posterior:
        """q(latents | image) over the blocks that the encoders infer; all images at once.

        Raises:
            UserError: images of another shape, or outside [0, 1]; nothing that infers.
        """
        return self._infer(self._tensor(as_batch(images, self.image_shape)))

    @apart
    @torch.no_grad()
    def encode(self, images: Pictures) -> Tensor:
        """The likeliest latents ``(N, D)``, ready for :meth:`decode`; what is not inferred comes
        from the prior.

        Raises:
            UserError: as :meth:`posterior`.
        """
        with self.compute.autocast():  # the mode alone, for which no posterior need be built
            modes = torch.cat([self.inference.mode(x, self.at_once) for x in self._batches(images)])
        return self.inference.complete(modes, self.latent_space, self._rng)

    @apart
    @torch.no_grad()
    def decode(self, latents: Latents) -> Tensor:
        """Images ``(N, C, H, W)`` in [0, 1] of latents ``(N, D)``; ``UserError`` for latents of
        another shape, or not finite.
        """
        parts = as_latents(latents, self.generator.latent_space).split(self.at_once)
        with self.compute.autocast():
            return torch.cat([self.generator(p.to(self.compute.device)).float() for p in parts])

    def reconstruct(self, images: Pictures) -> Tensor:
        """The generator's own versions, ``(N, C, H, W)``. Raises as :meth:`posterior`."""
        return self.decode(self.encode(images))

    @apart
    def invert(
        self, images: Pictures, steps: int = 100, refinement: Refinement | None = None
    ) -> Refined:
        """Encode, then refine each image's latents by gradient descent; in its objective never
        worse than the encoding. Raises as :meth:`posterior`, and for want of a gradient.

        Args:
            steps: passes through the generator, forth and back, by L-BFGS.
            refinement: instead, how to optimise in every detail.
        """
        settings = Refinement(steps) if refinement is None else refinement
        instance("refinement", settings, Refinement, "an ssavl.Refinement")
        parts = []
        for x in self._batches(images):
            posterior = self._infer(x)
            given = x, self.complete(posterior), deviations(posterior, self.latent_space)
            for own, start, scale in zip(*(t.split(self.at_once) for t in given), strict=True):
                parts.append(refine(own, start, self.generator, settings, scale))
        return Refined.join(parts)

    @apart
    @torch.no_grad()
    def score(
        self, images: Pictures, samples: int = 16, likelihood: Likelihood = PAPER
    ) -> dict[str, Tensor]:
        """Bounds on log p(x) in nats, ``(N,)`` each: ``ll`` (Eq. 18), ``ll_code``, ``ll_noise``,
        every KL, and ``mse``.

        Images unlike the generator's score low. Bounds that need a block which is not inferred, or
        a density that the posterior has not, are left out. Raises as :meth:`posterior`.

        Args:
            samples: of the posterior, per image.
            likelihood: the observation model.
        """
        rows: dict[str, list[Tensor]] = {}
        samples = whole("samples", samples, 1)
        density = Observed(InPieces(self.generator, self.at_once), observation(likelihood))
        for batch in self._batches(images):
            # torch.distributions has no divergences of nothing: a black image stands in for it.
            x = batch if len(batch) else batch.new_zeros(1, *self.image_shape)
            posterior = self._infer(x)
            with self._stream.drawing(), self.compute.autocast():
                terms = surrogates(x, posterior, density, samples, self._rng)
            terms["mse"] = squared_error(x, self.decode(self.complete(posterior)))
            for name, term in terms.items():
                rows.setdefault(name, []).append(term.float()[: len(batch)])
        return {name: torch.cat(terms) for name, terms in rows.items()}

    @apart
    @torch.no_grad()
    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        """Draws of the generator: latents ``(n, D)`` and their images ``(n, C, H, W)``."""
        latents = self.generator.draw(whole("n", n), self._rng)
        return latents, self.decode(latents)

    def interpolate(self, a: Pictures, b: Pictures, steps: int = 10) -> Tensor:
        """From each of N images ``a`` to its partner in ``b``: ``(N, steps, C, H, W)``.

        Raises:
            UserError: as :meth:`posterior`.
        """
        return self.walk(self.encode(a), self.encode(b), steps)

    @apart
    def walk(self, a: Latents, b: Latents, steps: int = 10) -> Tensor:
        """The images between latents ``a`` and ``b``, ``(N, D)`` each: ``(N, steps, C, H, W)``."""
        steps = whole("steps", steps, 1)
        path = walks.interpolate(*as_ends(a, b, self.latent_space), self.latent_space, steps)
        return self.decode(path.flatten(0, 1)).unflatten(0, path.shape[:2])

    @apart
    def show(
        self,
        figure: str,
        images: Pictures | None = None,
        *,
        columns: int = 10,
        block: Literal["code", "noise"] = "code",
    ) -> Figure | list[Figure]:
        """A figure as ``ssavl render`` draws it, which a notebook shows; several make a list.

        Args:
            figure: samples, categories, traversal, reconstructions, interpolation or calibration.
            images: to encode; by default the generator's own.
            columns: images per row.
            block: that a traversal walks along.

        Raises:
            UserError: no such figure, or one that needs what the model has not.
        """
        from ssavl.figures.drawings import show

        columns, encoders = whole("columns", columns, 1), self.bundle.encoders
        x = None if images is None else self._tensor(as_batch(images, self.image_shape))
        models = {} if encoders is None else {encoders.name: encoders}
        return show(figure, self.generator, models, x, columns, block, self.compute)

    @apart
    def save(self, folder: str | Path) -> Path:
        """Write the model into a folder, for :func:`load`; the file.

        A generator of somebody else is not written: ``load`` is given it again, as ``gan``.
        """
        return self.bundle.save(place("folder", folder))

    def complete(self, posterior: Posterior) -> Tensor:
        """The likeliest latents ``(N, D)`` of a posterior; what is not inferred comes from the
        prior.
        """
        return self.inference.complete(posterior.mode, self.latent_space, self._rng)

    @torch.no_grad()
    def _infer(self, x: Tensor) -> Posterior:
        with self.compute.autocast():
            return self.inference.posterior(x, self.at_once)

    def _batches(self, images: Pictures) -> Iterator[Tensor]:
        shape = self.image_shape
        yield from map(self._tensor, as_batch(images, shape).split(together(shape)))

    def _tensor(self, batch: Tensor) -> Tensor:
        return as_floats(batch.to(self.compute.device))
