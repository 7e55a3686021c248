"""``evaluate likelihood``: log p(x) bounded from below by several means,
and from above where that is possible.

On a split: the surrogates and the importance-weighted bound of each model, and the generator's
annealed bound. On as many images drawn from p(x | latents): the same, and an annealed bound from
above, so that the truth is in between. All of it in float32, whatever the precision: densities are
differences of large numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from ssavl.datasets.prepared import Prepared, Split, read_prepared
from ssavl.engine.device import Compute
from ssavl.errors import UserError
from ssavl.evaluate.bounds import Batch, Bounding, Bounds
from ssavl.generators.inspection import GRADIENT, inspect, require
from ssavl.generators.load import load_generator
from ssavl.generators.pieces import InPieces
from ssavl.generators.protocol import Generator
from ssavl.generators.source import Source
from ssavl.latents.draws import OFFSET, draws
from ssavl.metrics.likelihood.surrogates import learned_sigma
from ssavl.metrics.reconstruction import squared_error
from ssavl.models.bundle import inferring, load_saved, require_same_shape
from ssavl.models.inference import InferenceModel
from ssavl.networks.generator import GeneratorNetwork
from ssavl.objectives.likelihood import Likelihood, bits_per_dimension
from ssavl.params.evaluate import EvaluateLikelihoodParams
from ssavl.params.stages import Params
from ssavl.runs.results import LIKELIHOOD
from ssavl.runs.workspace import Options, seed_everything
from ssavl.storage.files import locked, write_json

SIGMA_IMAGES = 1000  # on which a sigma is learned
ROWS = 256  # images times draws or chains that share random numbers, whatever fits into memory


def evaluate_likelihood(
    params: Params, data: Path, gan: Source, encoders: Sequence[Path], out: Path, options: Options
) -> dict[str, Any]:
    """Write ``likelihood.json``, and return it.

    Annealing starts at the first encoders' posterior, or at the prior; with a learned sigma it is
    their errors that count. Generated images carry the noise of the likelihood (``paper``: of
    variance 1/2), because only of such an image the latents that made it are a draw of the exact
    posterior. A bound that one model has and another has not is ``null`` there.

    Raises:
        UserError: files that cannot be read or do not fit each other, an unfit generator, one that
            passes no gradient where annealing needs it, a sigma to learn for a likelihood that has
            none or without encoders.
    """
    compute = options.compute()
    settings = params.evaluate_likelihood
    prepared = read_prepared(data)
    generator = _fit_generator(params, gan, prepared, data, compute)
    few = InPieces(generator, settings.rows)
    saved = load_saved(encoders, compute)
    models = inferring(saved, generator)
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
        if not models:
            raise UserError("sigma_from: no encoders, whose errors a sigma is learned from")
        likelihood = Likelihood("gaussian", _sigma(settings, prepared, few, models, compute, rng))
    every = {name: models.get(name) for name in saved}
    measure = Bounding(settings, few, every, likelihood, compute, rng, ROWS)
    found: dict[str, tuple[Bounds, dict[str, float]]] = {}
    found[settings.split] = measure(_images(prepared, settings, compute))
    found["generated"] = measure(_drawn(few, likelihood, settings, rng))
    result = _result(settings, likelihood, found, math.prod(prepared.image_shape))
    with locked(out):
        write_json(out / LIKELIHOOD, result)
    return result


def _fit_generator(
    params: Params, gan: Source, prepared: Prepared, data: Path, compute: Compute
) -> GeneratorNetwork:
    """On the device, and fit for what is asked of it."""
    generator = compute.place(load_generator(gan))
    require_same_shape(generator, gan, prepared.image_shape, data)
    checks = inspect(generator, params.seed)
    require(checks, gan.spec, gradient=False)
    differentiable = all(check.passed for check in checks if check.name == GRADIENT)
    if params.evaluate_likelihood.temperatures and not differentiable:
        raise UserError(
            f"{gan.spec} passes no gradient, which annealing needs: leave it out with "
            "--temperatures 0"
        )
    return generator


def _result(
    settings: EvaluateLikelihoodParams,
    likelihood: Likelihood,
    found: Mapping[str, tuple[Bounds, dict[str, float]]],
    pixels: int,
) -> dict[str, Any]:
    normalised = likelihood.name == "gaussian"  # the only one that is a density of grey images
    bits = {subject: _bits(bounds, pixels) for subject, (bounds, _) in found.items()}
    return {
        "likelihood": {
            "name": likelihood.name,
            "normalised": normalised,
            "sigma": likelihood.sigma if normalised else None,
            "sigma_from": settings.sigma_from if normalised else None,
        },
        "settings": settings.model_dump(mode="json"),
        "nats": {subject: bounds for subject, (bounds, _) in found.items()},
        "bits_per_dimension": bits if normalised else None,
        "annealing": {subject: own for subject, (_, own) in found.items()},
    }


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
    for latents in draws(generator.draw, settings.images, _at_once(settings), rng):
        with torch.no_grad():
            yield likelihood.sample(generator(latents), rng), latents


def _at_once(settings: EvaluateLikelihoodParams) -> int:
    return max(1, ROWS // settings.chains)


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
    while len(errors) * ROWS < SIGMA_IMAGES:
        if settings.sigma_from == "generated":
            x = generator(generator.draw(ROWS, rng))
        else:
            draws = prepared.draws(cast("Split", settings.sigma_from), rng)
            x = draws.real(ROWS).to(compute.device)
        x_hat = generator(model.complete(model.posterior(x).sample(), space, rng))
        errors.append(squared_error(x, x_hat))
    return learned_sigma(torch.cat(errors), math.prod(generator.image_shape))


def _bits(bounds: Bounds, pixels: int) -> dict[str, dict[str, float | None]]:
    result: dict[str, dict[str, float | None]] = {}
    for name, found in bounds.items():
        result[name] = {}
        for bound, own in found.items():
            if own is None:
                result[name][bound] = None
            elif bound != "ais_gap":
                mean = torch.tensor(own["mean"], dtype=torch.float64)
                result[name][bound] = bits_per_dimension(mean, pixels).item()
    return result
