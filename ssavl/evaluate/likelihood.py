"""``evaluate likelihood``: log p(x) bounded from below by several means,
and from above where that is possible.

On a split: the surrogates and the importance-weighted bound of each model, and the generator's
annealed bound. On as many images drawn from p(x | latents): the same, and an annealed bound from
above, so that the truth is in between. All of it in float32, whatever the precision: densities are
differences of large numbers.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from tqdm import tqdm

from ssavl.datasets.prepared import Prepared, Split, read_prepared
from ssavl.engine.device import Compute
from ssavl.errors import UserError
from ssavl.generators import Generator, Source, load_generator
from ssavl.generators.inspection import GRADIENT, inspect, require
from ssavl.latents.draws import draws
from ssavl.metrics.likelihood.annealing import Annealing, annealed
from ssavl.metrics.likelihood.importance import importance_weighted
from ssavl.metrics.likelihood.surrogates import learned_sigma, surrogates
from ssavl.metrics.reconstruction import squared_error
from ssavl.models.bundle import load_models, require_same_shape
from ssavl.models.inference import InferenceModel
from ssavl.objectives.likelihood import Likelihood, bits_per_dimension
from ssavl.params.evaluate import EvaluateLikelihoodParams
from ssavl.params.stages import Params
from ssavl.runs.probe import OFFSET
from ssavl.runs.results import LIKELIHOOD
from ssavl.runs.workspace import Options, seed_everything
from ssavl.storage.files import locked, write_json

SIGMA_IMAGES = 1000  # on which a sigma is learned

# mean over images, and its standard error; of one image there is none
Summary = dict[str, float | None]
Bounds = dict[str, dict[str, Summary]]  # by model or "generator", and by bound


def evaluate_likelihood(
    params: Params, data: Path, gan: Source, encoders: Sequence[Path], out: Path, options: Options
) -> dict[str, Any]:
    """Write ``likelihood.json``, and return it.

    Annealing starts at the first encoders' posterior, or at the prior; with a learned sigma it is
    their errors that count. Generated images carry the noise of the likelihood (``paper``: of
    variance 1/2), because only of such an image the latents that made it are a draw of the exact
    posterior.

    Raises:
        UserError: files that cannot be read or do not fit each other, an unfit generator, one that
            passes no gradient where annealing needs it, a sigma to learn for a likelihood that has
            none.
    """
    compute = options.compute()
    settings = params.evaluate_likelihood
    prepared = read_prepared(data)
    generator = compute.place(load_generator(gan))
    require_same_shape(generator, gan, prepared.image_shape, data)
    checks = inspect(generator, params.seed)
    require(checks, gan.spec, gradient=False)
    if settings.temperatures and not all(
        check.passed for check in checks if check.name == GRADIENT
    ):
        raise UserError(
            f"{gan.spec} passes no gradient, which annealing needs: leave it out with "
            "--temperatures 0"
        )
    models = load_models(encoders, generator, compute)
    likelihood = Likelihood.of(params.likelihood)
    # Two streams of random numbers: draws of the posterior must know nothing of the latents that
    # made an image.
    seed_everything(params.seed, compute)
    rng = compute.generator(params.seed + OFFSET)
    if settings.sigma_from != "given":
        if likelihood.name != "gaussian":
            raise UserError(
                f"sigma_from: the likelihood '{likelihood.name}' has no sigma to learn: name "
                "gaussian"
            )
        likelihood = Likelihood(
            "gaussian", _sigma(settings, prepared, generator, models, compute, rng)
        )
    measure = _Measurement(settings, generator, models, likelihood, compute, rng)
    found: dict[str, tuple[Bounds, dict[str, float]]] = {}
    found[settings.split] = measure(_images(prepared, settings, compute))
    found["generated"] = measure(_drawn(generator, likelihood, settings, rng))
    result: dict[str, Any] = {
        "likelihood": {
            "name": likelihood.name,
            "normalised": False,
            "sigma": None,
            "sigma_from": None,
        },
        "settings": settings.model_dump(mode="json"),
        "nats": {subject: bounds for subject, (bounds, _) in found.items()},
        "bits_per_dimension": None,
        "annealing": {subject: own for subject, (_, own) in found.items()},
    }
    if likelihood.name == "gaussian":  # the only one that is a density of grey images
        result["likelihood"] = {
            "name": likelihood.name,
            "normalised": True,
            "sigma": likelihood.sigma,
            "sigma_from": settings.sigma_from,
        }
        pixels = math.prod(prepared.image_shape)
        bits = {subject: _bits(bounds, pixels) for subject, (bounds, _) in found.items()}
        result["bits_per_dimension"] = bits
    with locked(out):
        write_json(out / LIKELIHOOD, result)
    return result


# images (B, C, H, W), and the latents (B, D) that made them, where they are known
Batch = tuple[Tensor, Tensor | None]


class _Measurement:
    """Every bound, on one set of images."""

    def __init__(
        self,
        settings: EvaluateLikelihoodParams,
        generator: Generator,
        models: Mapping[str, InferenceModel],
        likelihood: Likelihood,
        compute: Compute,
        rng: torch.Generator,
    ) -> None:
        self.settings, self.generator, self.models, self.likelihood = (
            settings,
            generator,
            models,
            likelihood,
        )
        self.compute, self.rng = compute, rng
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
        terms: dict[str, dict[str, list[Tensor]]] = {}
        acceptance, seconds = [], 0.0
        for x, latents in tqdm(batches, desc="bounding", unit="batch", disable=None, leave=False):
            for name, model in self.models.items():
                for bound, values in self._of_model(model, x).items():
                    terms.setdefault(name, {}).setdefault(bound, []).append(values)
            if not self.settings.temperatures:
                continue
            began = time.monotonic()
            start = None  # the prior
            if self.settings.start == "encoder" and self.models:
                first = next(iter(self.models.values()))
                with torch.no_grad():
                    start = first.posterior(x)
            own = annealed(
                x,
                self.generator,
                self.likelihood,
                self.annealing,
                self.rng,
                start=start,
                exact=latents,
            )
            seconds += time.monotonic() - began
            acceptance.append(own.acceptance)
            both = terms.setdefault("generator", {})
            both.setdefault("ais_lower", []).append(own.lower)
            if own.upper is not None:
                both.setdefault("ais_upper", []).append(own.upper)
                both.setdefault("ais_gap", []).append(own.upper - own.lower)
        bounds = {
            name: {bound: _summary(torch.cat(parts)) for bound, parts in own.items()}
            for name, own in terms.items()
        }
        if not acceptance:
            return bounds, {}
        return bounds, {
            "acceptance": torch.cat(acceptance).mean().item(),
            "seconds": round(seconds, 1),
        }

    @torch.no_grad()
    def _of_model(self, model: InferenceModel, x: Tensor) -> dict[str, Tensor]:
        settings = self.settings
        posterior = model.posterior(x)
        found = surrogates(
            x, posterior, self.generator, self.likelihood, settings.posterior_samples, self.rng
        )
        ks = sorted(set(settings.k))
        weighted = importance_weighted(
            x, posterior, self.generator, self.likelihood, ks, settings.rows, self.rng
        )
        bounds = {name: values for name, values in found.items() if name.startswith("ll")}
        for k, values in weighted.items():
            bounds[f"iwae_{k}"] = values
        return bounds


def _images(
    prepared: Prepared, settings: EvaluateLikelihoodParams, compute: Compute
) -> Iterator[Batch]:
    left = min(settings.images, len(prepared.span(settings.split)))
    for x in prepared.batches(settings.split, _at_once(settings)):
        if left <= 0:
            return
        yield x[:left].to(compute.device), None
        left -= len(x)


def _drawn(
    generator: Generator,
    likelihood: Likelihood,
    settings: EvaluateLikelihoodParams,
    rng: torch.Generator,
) -> Iterator[Batch]:
    for latents in draws(generator.latent_space, settings.images, _at_once(settings), rng):
        with torch.no_grad():
            yield likelihood.sample(generator(latents), rng), latents


def _at_once(settings: EvaluateLikelihoodParams) -> int:
    return max(1, settings.rows // settings.chains)


@torch.no_grad()
def _sigma(
    settings: EvaluateLikelihoodParams,
    prepared: Prepared,
    generator: Generator,
    models: Mapping[str, InferenceModel],
    compute: Compute,
    rng: torch.Generator,
) -> float:
    model = next(iter(models.values()))
    space = generator.latent_space
    errors: list[Tensor] = []
    while len(errors) * settings.rows < SIGMA_IMAGES:
        if settings.sigma_from == "generated":
            x = generator(space.sample(settings.rows, rng))
        else:
            draws = prepared.draws(cast("Split", settings.sigma_from), rng)
            x = draws.real(settings.rows).to(compute.device)
        x_hat = generator(model.complete(model.posterior(x).sample(), space, rng))
        errors.append(squared_error(x, x_hat))
    return learned_sigma(torch.cat(errors), math.prod(generator.image_shape))


def _summary(values: Tensor) -> Summary:
    values = values.double()
    error = values.std().item() / math.sqrt(len(values)) if len(values) > 1 else None
    return {"mean": values.mean().item(), "standard_error": error}


def _bits(bounds: Bounds, pixels: int) -> dict[str, dict[str, float]]:
    return {
        name: {
            bound: bits_per_dimension(torch.tensor(own["mean"], dtype=torch.float64), pixels).item()
            for bound, own in found.items()
            if bound != "ais_gap"
        }
        for name, found in bounds.items()
    }
