"""Progress on a fixed held-out set of generated images, whose latents are known."""

from __future__ import annotations

import torch
from torch import Tensor

from ssavl.engine.device import Compute
from ssavl.generators.protocol import Generator
from ssavl.inference import InferenceModel
from ssavl.metrics.calibration import Calibration, calibration, ranks
from ssavl.metrics.inversion import latent_errors, norm_ratios
from ssavl.metrics.likelihood import surrogates
from ssavl.metrics.reconstruction import squared_error
from ssavl.objectives.likelihood import Likelihood

IMAGES = 256
SAMPLES = 4
OFFSET = 7919  # added to the seed: held-out latents are not those that training begins with


class HeldOut:
    """Called once per row of the log: errors in pixels and in latents, surrogates, divergences and calibration.

    The images are the generator's own (with the noise that the model is fitted to), so nothing here sees data, and the
    category's accuracy is against the latent that made the image, not against a label. Every call draws the same
    numbers.
    """

    def __init__(
        self, model: InferenceModel, generator: Generator, likelihood: Likelihood, seed: int, compute: Compute
    ) -> None:
        self.model = model
        self.generator = generator
        self.likelihood = likelihood
        self.seed = seed + OFFSET
        self.compute = compute
        self.latents = generator.latent_space.sample(IMAGES, compute.generator(self.seed))
        self.x = observe(generator, self.latents, model.image_noise, compute.generator(self.seed))

    def __call__(self) -> dict[str, float]:
        torch.manual_seed(self.seed)
        rng = self.compute.generator(self.seed)
        self.model.eval()
        with self.compute.autocast():
            posterior = self.model.posterior(self.x)
            x_hat = self.generator(self.model.complete(posterior.mode, self.generator.latent_space, rng))
            terms = surrogates(self.x, posterior, self.generator, self.likelihood, SAMPLES, rng)
        self.model.train()
        row = {"heldout/mse": squared_error(self.x, x_hat).mean().item()}
        row |= {f"heldout/{name}": term.float().mean().item() for name, term in terms.items()}
        space = self.model.space
        latents = space.join(self.generator.latent_space.split(self.latents))
        parts = space.split(latents)
        for name, errors in latent_errors(posterior, latents).items():
            row[f"heldout/latent_error_{name}"] = errors.mean().item()
        for name, ratios in norm_ratios(posterior).items():
            row[f"heldout/norm_ratio_{name}"] = ratios.mean().item()
        for name, found in calibration(ranks(posterior, latents, rng), space.of_role("category")).items():
            row[f"heldout/calibration_{name}"] = found.error
        for block in space.of_role("category"):
            hits = posterior.probabilities(block.name).argmax(-1) == parts[block.name].argmax(-1)
            row[f"heldout/{block.name}_accuracy"] = hits.float().mean().item()
        return row


@torch.no_grad()
def observe(generator: Generator, latents: Tensor, image_noise: float, rng: torch.Generator) -> Tensor:
    """The images ``(B, C, H, W)`` of latents as a model that was fitted with this noise saw them."""
    x = generator(latents)
    return x + image_noise * torch.randn(x.shape, generator=rng, device=x.device) if image_noise else x


@torch.no_grad()
def calibrate(
    generator: Generator, model: InferenceModel, images: int, batch_size: int, seed: int, compute: Compute
) -> dict[str, Calibration]:
    """The calibration of a model's blocks on so many held-out images of the generator."""
    rng = compute.generator(seed + OFFSET)
    parts: dict[str, list[Tensor]] = {block.name: [] for block in model.space.blocks}
    for start in range(0, images, batch_size):
        drawn = generator.latent_space.sample(min(batch_size, images - start), rng)
        with compute.autocast():
            posterior = model.posterior(observe(generator, drawn, model.image_noise, rng))
        latents = model.space.join(generator.latent_space.split(drawn))
        for name, rank in ranks(posterior, latents, rng).items():
            parts[name].append(rank.cpu())
    return calibration({name: torch.cat(found) for name, found in parts.items()}, model.space.of_role("category"))
