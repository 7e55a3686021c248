"""``evaluate``: every metric of every model, on one split of the data, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ssavl.datasets.prepared import Prepared, Split, read_prepared
from ssavl.engine.device import Compute
from ssavl.generators import Generator, Source, load_generator
from ssavl.metrics.clustering import clustering, confusion, kmeans_categories
from ssavl.metrics.likelihood.surrogates import surrogates
from ssavl.metrics.reconstruction import reconstruction, squared_error
from ssavl.metrics.similarity import WINDOW, psnr, ssim
from ssavl.models.bundle import load_models, require_same_shape
from ssavl.models.inference import InferenceModel
from ssavl.objectives.likelihood import Likelihood, bits_per_dimension
from ssavl.params.evaluate import EvaluateParams
from ssavl.params.stages import Params
from ssavl.runs.calibrate import calibrate
from ssavl.runs.probe import OFFSET
from ssavl.runs.results import BASELINES, CALIBRATION, CONFUSION, METRICS
from ssavl.runs.workspace import Options, seed_everything
from ssavl.storage.files import locked, write_json

KEYS = (
    "accuracy", "accuracy_majority", "nmi", "ari", "mse", "rmse", "rmse_255", "psnr", "ssim"
) + (
    "ll", "ll_code", "ll_noise", "kl_noise", "kl_code", "kl_category",
    "calibration_noise", "calibration_code", "calibration_category",
)  # fmt: skip


def evaluate(
    params: Params, data: Path, gan: Source, encoders: Sequence[Path], out: Path, options: Options
) -> dict[str, Any]:
    """Write ``metrics.json``, ``baselines.json``, ``confusion.json`` and ``calibration.json``,
    and return the four.

    Calibration is measured on generated images, whose latents are known; everything else on the
    split. A metric that a model has not (a divergence of a block that it does not infer) is
    ``null``. With the normalised likelihood ``gaussian``, ``bits_per_dimension`` (an upper bound,
    from surrogate 1) stands beside.

    Raises:
        UserError: files that cannot be read or do not fit each other, labels that are asked for and
            absent.
    """
    compute = options.compute()
    prepared = read_prepared(data)
    generator = compute.place(load_generator(gan))
    require_same_shape(generator, gan, prepared.image_shape, data)
    models = load_models(encoders, generator, compute)
    settings = params.evaluate
    with_categories = bool(settings.clustering and generator.latent_space.of_role("category"))
    if with_categories:
        prepared.labels_of(settings.split)
    metrics: dict[str, dict[str, float | None]] = {}
    calibrations: dict[str, dict[str, dict[str, list[float]]]] = {}
    tables: dict[str, list[list[int]]] = {}
    for name, model in models.items():
        values, table = _measure(params, prepared, generator, model, with_categories, compute)
        found = calibrate(
            generator, model, settings.calibration_images, settings.batch_size, params.seed, compute
        )
        values |= {f"calibration_{block}": own.error for block, own in found.items()}
        calibrations[name] = {block: own.table() for block, own in found.items()}
        metrics[name] = {key: values.get(key) for key in KEYS} | {
            k: v for k, v in values.items() if k not in KEYS
        }
        if table is not None:
            tables[name] = table
    # k-means has a file of its own, so that every object of metrics.json is a model of ours.
    result = {
        "metrics": metrics,
        "baselines": _baselines(settings, params.seed, prepared, generator)
        if with_categories
        else {},
        "confusion": {
            "classes": prepared.manifest["classes"],
            "rows": "category",
            "counts": tables,
        },
        "calibration": calibrations,
    }
    with locked(out):
        for file, value in zip(
            (METRICS, BASELINES, CONFUSION, CALIBRATION), result.values(), strict=True
        ):
            write_json(out / file, value)
    return result


@torch.no_grad()
def _measure(
    params: Params,
    prepared: Prepared,
    generator: Generator,
    model: InferenceModel,
    with_categories: bool,
    compute: Compute,
) -> tuple[dict[str, float], list[list[int]] | None]:
    settings = params.evaluate
    likelihood = Likelihood.of(params.likelihood)
    seed_everything(params.seed, compute)  # of posterior draws; the prior's must not repeat them
    rng = compute.generator(params.seed + OFFSET)
    errors, noise_ratios, similarities, terms, categories = [], [], [], [], []
    space = generator.latent_space
    block = next(iter(model.space.of_role("category")), None) if with_categories else None
    for batch in prepared.batches(settings.split, settings.batch_size):
        x = batch.to(compute.device)
        with compute.autocast():
            posterior = model.posterior(x)
            x_hat = generator(model.complete(posterior.mode, space, rng))
            errors.append(squared_error(x, x_hat).cpu())
            terms.append(
                surrogates(x, posterior, generator, likelihood, settings.posterior_samples, rng)
            )
            if block is not None:
                categories.append(posterior.probabilities(block.name).argmax(-1).cpu())
        noise_ratios.append(psnr(x, x_hat).cpu())
        if min(x.shape[2:]) >= WINDOW:
            # outside autocast: its differences of squares need float32
            similarities.append(ssim(x, x_hat).cpu())
    values = reconstruction(torch.cat(errors), int(np.prod(prepared.image_shape)))
    values["psnr"] = torch.cat(noise_ratios).double().mean().item()
    if similarities:
        values["ssim"] = torch.cat(similarities).double().mean().item()
    for name in terms[0]:
        values[name] = (
            torch.cat([batch_terms[name].double().cpu() for batch_terms in terms]).mean().item()
        )
    if likelihood.name == "gaussian" and "ll" in values:
        bits = bits_per_dimension(torch.tensor(values["ll"]), int(np.prod(prepared.image_shape)))
        values["bits_per_dimension"] = bits.item()
    if block is None:
        return values, None
    found = torch.cat(categories).numpy()
    classes = prepared.labels_of(settings.split)
    values |= clustering(found, classes)
    return values, confusion(found, classes, block.dim, len(prepared.manifest["classes"])).tolist()


def _baselines(
    settings: EvaluateParams, seed: int, prepared: Prepared, generator: Generator
) -> Mapping[str, Mapping[str, float]]:
    def pixels(split: Split) -> np.ndarray[Any, np.dtype[np.float32]]:
        return torch.cat(list(prepared.batches(split, settings.batch_size))).flatten(1).numpy()

    (block, *_) = generator.latent_space.of_role("category")
    found = kmeans_categories(
        pixels("train"), pixels(settings.split), block.dim, seed, settings.kmeans_restarts
    )
    return {"k-means": clustering(found, prepared.labels_of(settings.split))}
