"""Progress on a fixed held-out set of generated images, whose latents are known."""

from __future__ import annotations

import torch

from ssavl.engine.device import Compute
from ssavl.generators.protocol import Generator
from ssavl.inference import InferenceModel
from ssavl.metrics.likelihood import surrogates
from ssavl.metrics.reconstruction import squared_error
from ssavl.objectives.likelihood import Likelihood

IMAGES = 256
SAMPLES = 4
OFFSET = 7919  # added to the seed: held-out latents are not those that training begins with


class HeldOut:
    """Called once per row of the log: reconstruction error, surrogates, divergences and category accuracy.

    The images are the generator's own, so nothing here sees data, and the category's accuracy is against the latent
    that made the image, not against a label. Every call draws the same numbers.
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
        with torch.no_grad():
            self.x = generator(self.latents)

    def __call__(self) -> dict[str, float]:
        torch.manual_seed(self.seed)
        rng = self.compute.generator(self.seed)
        self.model.eval()
        with self.compute.autocast():
            x_hat = self.model.reconstruct(self.x, self.generator, rng)
            terms = surrogates(self.x, self.model, self.generator, self.likelihood, SAMPLES, rng)
            posterior = self.model.posterior(self.x)
        self.model.train()
        row = {"heldout/mse": squared_error(self.x, x_hat).mean().item()}
        row |= {f"heldout/{name}": term.float().mean().item() for name, term in terms.items()}
        parts = self.generator.latent_space.split(self.latents)
        for block in self.model.space.of_role("category"):
            hits = posterior.probabilities(block.name).argmax(-1) == parts[block.name].argmax(-1)
            row[f"heldout/{block.name}_accuracy"] = hits.float().mean().item()
        return row
