"""Every bound of ``evaluate likelihood``, on one set of images."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor
from tqdm import tqdm

from ssavl.engine.device import Compute
from ssavl.generators.protocol import Generator
from ssavl.latents.space import Factorised
from ssavl.metrics.likelihood.annealing import Annealed, Annealing, annealed
from ssavl.metrics.likelihood.importance import importance_weighted
from ssavl.metrics.likelihood.surrogates import surrogates
from ssavl.models.inference import InferenceModel
from ssavl.models.protocol import Observed
from ssavl.objectives.likelihood import Likelihood
from ssavl.params.evaluate import EvaluateLikelihoodParams

# mean over images, and its standard error; of one image there is none
Summary = dict[str, float | None]
# by model or "generator", and by bound; None where a model has not what other models have
Bounds = dict[str, dict[str, Summary | None]]
# images (B, C, H, W), and the latents (B, D) that made them, where they are known
Batch = tuple[Tensor, Tensor | None]


class Bounding:
    """The measurement.

    Args:
        models: by name; ``None`` is one without encoders, which has no bound.
        rows: images times draws of a weighted bound at a time.
    """

    def __init__(
        self,
        settings: EvaluateLikelihoodParams,
        generator: Generator,
        models: Mapping[str, InferenceModel | None],
        likelihood: Likelihood,
        compute: Compute,
        rng: torch.Generator,
        rows: int,
    ) -> None:
        self.settings, self.compute, self.rng, self.rows = settings, compute, rng, rows
        self.models = models
        self.density = Observed(generator, likelihood)
        self.annealing = Annealing(
            settings.temperatures,
            settings.chains,
            settings.leapfrog,
            settings.schedule,
            settings.category_every,
        )

    def __call__(self, batches: Iterator[Batch]) -> tuple[Bounds, dict[str, float]]:
        """Bounds in nats by model, with the annealed ones under ``generator``;
        how the annealing went.
        """
        terms: dict[str, dict[str, list[Tensor]]] = {name: {} for name in self.models}
        acceptance, seconds = [], 0.0
        for x, latents in tqdm(batches, desc="bounding", unit="batch", disable=None, leave=False):
            for name, model in self.models.items():
                for bound, values in self._of_model(model, x).items():
                    terms[name].setdefault(bound, []).append(values)
            if not self.settings.temperatures:
                continue
            began = time.monotonic()
            own = self._annealed(x, latents)
            seconds += time.monotonic() - began
            acceptance.append(own.acceptance)
            both = terms.setdefault("generator", {})
            both.setdefault("ais_lower", []).append(own.lower)
            if own.upper is not None:
                both.setdefault("ais_upper", []).append(own.upper)
                both.setdefault("ais_gap", []).append(own.upper - own.lower)
        bounds = self._bounds(terms)
        if not acceptance:
            return bounds, {}
        return bounds, {
            "acceptance": torch.cat(acceptance).mean().item(),
            "seconds": round(seconds, 1),
        }

    @torch.no_grad()
    def _of_model(self, model: InferenceModel | None, x: Tensor) -> dict[str, Tensor]:
        if model is None:
            return {}
        settings = self.settings
        posterior = model.posterior(x)
        found = surrogates(x, posterior, self.density, settings.posterior_samples, self.rng)
        ks = sorted(set(settings.k))
        weighted = importance_weighted(x, posterior, self.density, ks, self.rows, self.rng)
        bounds = {name: values for name, values in found.items() if name.startswith("ll")}
        for k, values in weighted.items():
            bounds[f"iwae_{k}"] = values
        return bounds

    def _annealed(self, x: Tensor, latents: Tensor | None) -> Annealed:
        """From the first model's posterior, where that is wanted and tells each block."""
        start = None  # the prior
        first = next((model for model in self.models.values() if model is not None), None)
        if self.settings.start == "encoder" and first is not None:
            with torch.no_grad():
                posterior = first.posterior(x)
            start = posterior if isinstance(posterior, Factorised) else None
        generator, likelihood = self.density.generator, self.density.likelihood
        return annealed(
            x, generator, likelihood, self.annealing, self.rng, start=start, exact=latents
        )

    def _bounds(self, terms: Mapping[str, Mapping[str, list[Tensor]]]) -> Bounds:
        """Means; for a bound that a model has not and another has, ``None``."""
        known = dict.fromkeys(bound for name in self.models for bound in terms[name])
        bounds: Bounds = {}
        for name, own in terms.items():
            bounds[name] = dict.fromkeys(known) if name in self.models else {}
            bounds[name] |= {bound: _summary(torch.cat(parts)) for bound, parts in own.items()}
        return bounds


def _summary(values: Tensor) -> Summary:
    values = values.double()
    error = values.std().item() / math.sqrt(len(values)) if len(values) > 1 else None
    return {"mean": values.mean().item(), "standard_error": error}
