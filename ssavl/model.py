"""Encoders and their generator as one object, for Python.

>>> model = ssavl.load("data/encoders")     # doctest: +SKIP
>>> z = model.encode(images)                # doctest: +SKIP
>>> x = model.decode(z)                     # doctest: +SKIP
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from ssavl.engine.device import Compute, choose
from ssavl.errors import UserError
from ssavl.generators import GeneratorSource, Source
from ssavl.generators.origin import Origin
from ssavl.inversion.refinement import Refined, Refinement, refine
from ssavl.latents import walks
from ssavl.latents.posterior import Posterior
from ssavl.latents.space import Factorised, LatentSpace
from ssavl.metrics.likelihood.surrogates import surrogates
from ssavl.metrics.reconstruction import squared_error
from ssavl.models.bundle import Bundle
from ssavl.models.protocol import Observed
from ssavl.networks.generator import GeneratorNetwork
from ssavl.objectives.likelihood import Likelihood

Images = Tensor | NDArray[Any]

PAPER = Likelihood()
REFINEMENT = Refinement(steps=100)
BATCH = 250  # images on the device at a time


def load(
    encoders: str | Path,
    gan: str | Path | Source | None = None,
    *,
    device: str | None = None,
    precision: str | None = None,
    seed: int = 0,
) -> Model:
    """Encoders, and the generator that they were fitted to.

    Args:
        encoders: a folder of ``fit-encoders`` or ``retrain-R``, or of any training that leaves
            encoders, or its file.
        gan: the generator; ``None`` is the one in the same file, else the one that the encoders
            name, where loading it runs no code.
        device, precision: as ``--device`` and ``--precision``; ``None`` is the best that this
            machine has.
        seed: of what comes from the prior or from the posterior.

    Raises:
        UserError: a file that cannot be read; on first use, a generator that cannot be loaded or is
            another one.
    """
    path = Path(encoders)
    source = GeneratorSource(str(gan)) if isinstance(gan, str | Path) else gan
    return Model(Bundle(path, source), choose(device, precision), seed)


class Model:
    """What ``ssavl.load`` returns. Images are ``(N, C, H, W)``, floats in [0, 1] or uint8,
    tensors or arrays.

    Results are tensors on the model's device. Images are worked on in batches, so memory on the
    device stays flat.

    Attributes:
        inference: the encoders.
        folder: that they are in.
        bundle: they, and what is known of their generator.
    """

    def __init__(self, bundle: Bundle, compute: Compute, seed: int) -> None:
        self.bundle = bundle
        self.inference = compute.place(bundle.inference)
        self.folder = bundle.folder
        self._compute = compute
        self._rng = compute.generator(seed)
        torch.manual_seed(seed + 1)  # another stream: posterior draws must not repeat the prior's

    @cached_property
    def generator(self) -> GeneratorNetwork:
        """The generator, loaded when it is first needed.

        Raises:
            UserError: it cannot be loaded, or the encoders belong to another.
        """
        return self._compute.place(self.bundle.load_generator())

    @property
    def origin(self) -> Origin:
        """What the encoders say of their generator. Raises ``UserError`` where they say nothing."""
        return self.bundle.origin

    @cached_property
    def latent_space(self) -> LatentSpace:
        """The generator's: the space of :meth:`encode` and :meth:`decode`."""
        return self.origin.latent_space()

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return self.inference.image_shape

    def posterior(self, images: Images) -> Posterior:
        """q(latents | image) over the blocks that the encoders infer; all images at once.

        Raises:
            UserError: images of another shape, or outside [0, 1].
        """
        return self._infer(self._tensor(images))

    @torch.no_grad()
    def encode(self, images: Images) -> Tensor:
        """The likeliest latents ``(N, D)``, ready for :meth:`decode`;
        what is not inferred comes from the prior.

        Raises:
            UserError: as :meth:`posterior`.
        """
        parts = [self.complete(self.posterior(batch)) for batch in self._batches(images)]
        return torch.cat(parts)

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Images ``(N, C, H, W)`` in [0, 1] of latents ``(N, D)``."""
        device = self._compute.device
        with self._compute.autocast():
            parts = [self.generator(part.to(device)).float() for part in latents.split(BATCH)]
        return torch.cat(parts)

    def reconstruct(self, images: Images) -> Tensor:
        """The generator's own versions of images, ``(N, C, H, W)`` in [0, 1].

        Raises:
            UserError: as :meth:`posterior`.
        """
        return self.decode(self.encode(images))

    def invert(self, images: Images, refinement: Refinement = REFINEMENT) -> Refined:
        """Encode, then refine each image's latents by gradient descent;
        in its objective never worse than the encoding.

        Raises:
            UserError: as :meth:`posterior`; a generator that passes no gradient.
        """
        parts = []
        for batch in self._batches(images):
            x = self._tensor(batch)
            posterior = self._infer(x)
            start, deviations = self.complete(posterior), self.deviations(posterior)
            parts.append(refine(x, start, self.generator, refinement, deviations))
        return Refined.join(parts)

    def deviations(self, posterior: Posterior) -> Tensor:
        """Deviations in base space ``(N, D)``; 1, the prior's,
        for a category and for what is not inferred, or inferred without any.
        """
        known = {}
        if isinstance(posterior, Factorised):
            inferred = posterior.space.of_role("noise", "code")
            known = {block.name: posterior.gaussian(block.name).stddev for block in inferred}
        mode = posterior.mode
        ones = torch.ones(len(mode), self.latent_space.dim, device=mode.device)
        return self.latent_space.join({**self.latent_space.split(ones), **known})

    @torch.no_grad()
    def score(
        self, images: Images, samples: int = 16, likelihood: Likelihood = PAPER
    ) -> dict[str, Tensor]:
        """Bounds on log p(x) in nats, ``(N,)`` each:
        ``ll`` (Eq. 18), ``ll_code``, ``ll_noise``, every KL, and ``mse``.

        Images unlike the generator's score low. Bounds that need a block which is not inferred, or
        a density that the posterior has not, are left out.

        Args:
            samples: of the posterior, per image.
            likelihood: the observation model.

        Raises:
            UserError: as :meth:`posterior`.
        """
        rows: dict[str, list[Tensor]] = {}
        density = Observed(self.generator, likelihood)
        for batch in self._batches(images):
            x = self._tensor(batch)
            posterior = self._infer(x)
            with self._compute.autocast():
                terms = surrogates(x, posterior, density, samples, self._rng)
            terms["mse"] = squared_error(x, self.decode(self.complete(posterior)))
            for name, term in terms.items():
                rows.setdefault(name, []).append(term.float())
        return {name: torch.cat(terms) for name, terms in rows.items()}

    @torch.no_grad()
    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        """Draws from the prior: latents ``(n, D)`` and their images ``(n, C, H, W)``."""
        latents = self.generator.draw(n, self._rng)
        return latents, self.decode(latents)

    def interpolate(self, a: Images, b: Images, steps: int = 10) -> Tensor:
        """From each of N images ``a`` to its partner in ``b``: ``(N, steps, C, H, W)``.

        Raises:
            UserError: as :meth:`posterior`.
        """
        return self.walk(self.encode(a), self.encode(b), steps)

    def walk(self, a: Tensor, b: Tensor, steps: int = 10) -> Tensor:
        """The images between latents ``a`` and ``b``, ``(N, D)`` each: ``(N, steps, C, H, W)``."""
        path = walks.interpolate(a, b, self.latent_space, steps)
        return self.decode(path.flatten(0, 1)).unflatten(0, (-1, steps))

    def complete(self, posterior: Posterior) -> Tensor:
        """The likeliest latents ``(N, D)`` of a posterior;
        what is not inferred comes from the prior.
        """
        return self.inference.complete(posterior.mode, self.latent_space, self._rng)

    @torch.no_grad()
    def _infer(self, x: Tensor) -> Posterior:
        with self._compute.autocast():
            return self.inference.posterior(x)

    def _batches(self, images: Images) -> list[Images]:
        return [images[start : start + BATCH] for start in range(0, len(images), BATCH)]

    def _tensor(self, images: Images) -> Tensor:
        x = torch.as_tensor(images, device=self._compute.device)
        if x.dtype == torch.uint8:
            x = x.float() / 255
        if x.ndim != 4 or tuple(x.shape[1:]) != self.image_shape:
            raise UserError(
                f"images are {tuple(x.shape)}; (N, {', '.join(map(str, self.image_shape))}) is "
                "needed"
            )
        low, high = torch.aminmax(x)
        if not (low >= 0 and high <= 1):  # so, and not low < 0 or high > 1: NaN fails too
            raise UserError("images leave [0, 1]: divide by 255, or give uint8")
        return x.float()
