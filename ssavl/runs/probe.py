"""Progress on fixed held-out images: the generator's, whose latents are known,
and real ones that someone watches.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ssavl.engine.device import Compute
from ssavl.generators.protocol import Generator
from ssavl.latents.draws import OFFSET
from ssavl.latents.posterior import Posterior
from ssavl.latents.space import Factorised
from ssavl.metrics.calibration import calibration, ranks
from ssavl.metrics.inversion import latent_errors, norm_ratios
from ssavl.metrics.likelihood.surrogates import surrogates
from ssavl.metrics.reconstruction import squared_error
from ssavl.models.inference import InferenceModel
from ssavl.models.protocol import Observed
from ssavl.objectives.likelihood import Likelihood

IMAGES = 256
SAMPLES = 4


class _Probe:
    """What both kinds share: a model judged on fixed images, by the same draws at every call."""

    def __init__(
        self,
        model: InferenceModel,
        generator: Generator,
        likelihood: Likelihood,
        seed: int,
        compute: Compute,
    ) -> None:
        self.model, self.generator = model, generator
        self.density = Observed(generator, likelihood)
        self.seed = seed + OFFSET
        self.compute = compute

    def judge(
        self, prefix: str, x: Tensor, rng: torch.Generator
    ) -> tuple[Posterior, dict[str, float]]:
        """The posterior of images ``(N, C, H, W)``, their squared error and the surrogates."""
        torch.manual_seed(self.seed)
        self.model.eval()
        with self.compute.autocast():
            posterior = self.model.posterior(x)
            x_hat = self.generator(
                self.model.complete(posterior.mode, self.generator.latent_space, rng)
            )
            terms = surrogates(x, posterior, self.density, SAMPLES, rng)
            row = {f"{prefix}/mse": squared_error(x, x_hat).mean().item()}
            row |= {f"{prefix}/{name}": term.float().mean().item() for name, term in terms.items()}
        self.model.train()
        return posterior, row


class HeldOut(_Probe):
    """Called once per row of the log: errors in pixels and in latents, surrogates,
    divergences and calibration.

    The images are the generator's own (with the noise that the model is fitted to), so nothing here
    sees data, and the category's accuracy is against the latent that made the image, not against a
    label.
    """

    def __init__(
        self,
        model: InferenceModel,
        generator: Generator,
        likelihood: Likelihood,
        seed: int,
        compute: Compute,
    ) -> None:
        super().__init__(model, generator, likelihood, seed, compute)
        self.latents = generator.draw(IMAGES, compute.generator(self.seed))
        self.x = observe(generator, self.latents, model.image_noise, compute.generator(self.seed))

    def __call__(self) -> dict[str, float]:
        rng = self.compute.generator(self.seed)
        posterior, row = self.judge("heldout", self.x, rng)
        space = self.model.space
        latents = space.join(self.generator.latent_space.split(self.latents))
        parts = space.split(latents)
        if isinstance(posterior, Factorised):
            for name, errors in latent_errors(posterior, latents).items():
                row[f"heldout/latent_error_{name}"] = errors.mean().item()
            for name, ratios in norm_ratios(posterior).items():
                row[f"heldout/norm_ratio_{name}"] = ratios.mean().item()
        for name, found in calibration(
            ranks(posterior, latents, rng), space.of_role("category")
        ).items():
            row[f"heldout/calibration_{name}"] = found.error
        modes = space.split(posterior.mode)
        for block in space.of_role("category"):
            hits = modes[block.name].argmax(-1) == parts[block.name].argmax(-1)
            row[f"heldout/{block.name}_accuracy"] = hits.float().mean().item()
        return row


class Watched(_Probe):
    """Called once per row of the log: the same error and surrogates on images ``(N, C, H, W)`` from
    elsewhere.

    They reach the log and nothing else: a run with them leaves the encoders of a run without, bit
    for bit.
    """

    def __init__(
        self,
        x: Tensor,
        model: InferenceModel,
        generator: Generator,
        likelihood: Likelihood,
        seed: int,
        compute: Compute,
    ) -> None:
        super().__init__(model, generator, likelihood, seed, compute)
        self.x = x.to(compute.device)

    def __call__(self) -> dict[str, float]:
        return self.judge("watched", self.x, self.compute.generator(self.seed))[1]


Probe = Callable[[], dict[str, float]]


def together(*probes: Probe) -> Probe:
    """Several probes as one, whose row has the columns of all."""
    return lambda: {column: value for probe in probes for column, value in probe().items()}


@torch.no_grad()
def observe(
    generator: Generator, latents: Tensor, image_noise: float, rng: torch.Generator
) -> Tensor:
    """The images ``(B, C, H, W)`` of latents as a model that was fitted with this noise saw
    them.
    """
    x = generator(latents)
    return (
        x + image_noise * torch.randn(x.shape, generator=rng, device=x.device) if image_noise else x
    )
