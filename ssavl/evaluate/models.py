"""``evaluate``: every metric of every model, on one split of the data, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ssavl.datasets.prepared import Prepared, read_prepared
from ssavl.engine.device import Compute
from ssavl.errors import UserError
from ssavl.evaluate.baselines import baselines
from ssavl.evaluate.surrogates import SurrogateMeans
from ssavl.generators.load import load_bundle
from ssavl.generators.pieces import InPieces
from ssavl.generators.source import Source
from ssavl.latents.draws import OFFSET, together
from ssavl.metrics.calibration import Calibration
from ssavl.metrics.clustering import clustering, confusion
from ssavl.metrics.reconstruction import reconstruction, squared_error
from ssavl.metrics.similarity import WINDOW, psnr, ssim
from ssavl.models.bundle import inferring, load_saved, require_same_shape
from ssavl.models.files import Saved
from ssavl.models.inference import InferenceModel
from ssavl.models.protocol import Clusterer, Observed
from ssavl.networks.embedding import Embedding
from ssavl.networks.generator import GeneratorNetwork
from ssavl.objectives.likelihood import Likelihood, bits_per_dimension
from ssavl.params.stages import Params
from ssavl.runs.calibrate import calibrate
from ssavl.runs.results import BASELINES, CALIBRATION, CONFUSION, HEADLINE, METRICS
from ssavl.runs.workspace import Options, seed_everything
from ssavl.storage.files import locked, write_json

KEYS = (
    "accuracy", "accuracy_majority", "nmi", "ari", "mse", "rmse", "rmse_255", "psnr", "ssim"
) + (
    "ll", "ll_error", "ll_code", "ll_code_error", "ll_noise", "ll_noise_error",
    "kl_noise", "kl_code", "kl_category",
    "calibration_noise", "calibration_noise_worst", "calibration_noise_joint",
    "calibration_code", "calibration_code_worst", "calibration_code_joint",
    "calibration_category",
)  # fmt: skip
MAIN = ("accuracy", "mse", "ll")  # columns of `dvc exp show`, three per model


Categories = tuple[Tensor, int]  # of the split's images, (N,), and how many values they have


def evaluate(
    params: Params, data: Path, gan: Source, encoders: Sequence[Path], out: Path, options: Options
) -> dict[str, Any]:
    """Write ``metrics.json``, ``baselines.json``, ``confusion.json`` and ``calibration.json``,
    and return the four; ``headline.json`` repeats the main metrics, for DVC's tables.

    Calibration is measured on generated images, whose latents are known; everything else on the
    split. Images of calibration are as the encoders were fitted to them: without the noise that the
    bound of ``elbo`` assumes, unless ``calibration_observed`` asks for that beside. A metric that a
    model has not (a divergence of a block that it does not infer; all but clusters, of a model that
    only clusters) is ``null``. With the normalised likelihood ``gaussian``, ``bits_per_dimension``
    (an upper bound, from surrogate 1) stands beside.

    Raises:
        UserError: files that cannot be read or do not fit each other, labels that are asked for and
            absent.
    """
    compute = options.compute()
    prepared = read_prepared(data)
    saved = load_saved(encoders, compute)
    generator = sorter = None
    if not saved or any(one.inference is not None for _, one in saved.values()):
        loaded = load_bundle(gan)
        generator = compute.place(loaded.generator)
        require_same_shape(generator, gan, prepared.image_shape, data)
        sorter = loaded.sorter
    measures = _Measures(params, prepared, generator, compute, sorter)
    found = measures.of_all(saved)
    # k-means has a file of its own, so that every object of metrics.json is a model of ours.
    tables = {name: table for name, (_, _, table) in found.items() if table is not None}
    result: dict[str, Any] = {
        "metrics": {name: values for name, (values, _, _) in found.items()},
        "baselines": measures.baselines(tables),
        "confusion": {
            "classes": prepared.manifest["classes"],
            "rows": "category",
            "counts": tables,
        },
        "calibration": {name: calibrated for name, (_, calibrated, _) in found.items()},
    }
    with locked(out):
        for file, value in zip(
            (METRICS, BASELINES, CONFUSION, CALIBRATION), result.values(), strict=True
        ):
            write_json(out / file, value)
        write_json(out / HEADLINE, headline(result["metrics"]))
    return result


def headline(metrics: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The main metrics of each model."""
    return {name: {key: values.get(key) for key in MAIN} for name, values in metrics.items()}


class _Measures:
    """All measures of a model, by what it can do.

    Args:
        generator: on the device; ``None`` where no model has encoders.
        sorter: what sorted the real images for its training, if anything did.
    """

    def __init__(
        self,
        params: Params,
        prepared: Prepared,
        generator: GeneratorNetwork | None,
        compute: Compute,
        sorter: Embedding | None,
    ) -> None:
        self.sorter = sorter
        self.params, self.settings, self.prepared = params, params.evaluate, prepared
        self.generator, self.compute = generator, compute
        self.likelihood = Likelihood.of(params.likelihood)
        self.pixels = int(np.prod(prepared.image_shape))

    def of_all(
        self, saved: Mapping[str, tuple[Path, Saved]]
    ) -> dict[str, tuple[dict[str, float | None], dict[str, Any], list[list[int]] | None]]:
        """Values, calibration and confusion of each model by name.

        Raises:
            UserError: labels that are asked for and absent, models of other images.
        """
        models = inferring(saved, self.generator) if self.generator is not None else {}
        clusterers = {name: one.clusterer for name, (_, one) in saved.items() if one.clusterer}
        for name, clusterer in clusterers.items():
            if clusterer.image_shape != self.prepared.image_shape:
                raise UserError(
                    f"{saved[name][0]} reads {clusterer.image_shape} images, but the data are "
                    f"{self.prepared.image_shape}"
                )
        if self.settings.clustering and (self._categories() or clusterers):
            self.prepared.labels_of(self.settings.split)
        result = {}
        for name in saved:
            values: dict[str, float] = {}
            calibrated: dict[str, Calibration] = {}
            found, table = None, None
            if name in models:
                values, found = self.of_encoders(models[name])
                calibrated = self.calibration(models[name])
                for block, own in calibrated.items():
                    values |= own.named(block)
                if self.settings.calibration_observed:
                    for block, own in self.calibration(models[name], self.likelihood).items():
                        values |= {f"{k}_observed": v for k, v in own.named(block).items()}
            if name in clusterers:  # it says itself what its categories are
                found = self.of_clusterer(clusterers[name])
            if found is not None and self.settings.clustering:
                shares, table = self.clusters(*found)
                values |= shares
            row = {key: values.get(key) for key in KEYS} | {
                key: value for key, value in values.items() if key not in KEYS
            }
            result[name] = row, {block: c.table() for block, c in calibrated.items()}, table
        return result

    @torch.no_grad()
    def of_encoders(self, model: InferenceModel) -> tuple[dict[str, float], Categories | None]:
        """Reconstruction and bounds on the split, and the categories that are inferred."""
        assert self.generator is not None
        settings, space = self.settings, self.generator.latent_space
        # of posterior draws; the prior's must not repeat them
        seed_everything(self.params.seed, self.compute)
        rng = self.compute.generator(self.params.seed + OFFSET)
        few = InPieces(self.generator, settings.batch_size)
        density = Observed(few, self.likelihood)
        errors, noise_ratios, similarities, bounds, categories = [], [], [], SurrogateMeans(), []
        block = next(iter(model.space.of_role("category")), None)
        for batch in self.prepared.batches(settings.split, together(few.image_shape)):
            x = batch.to(self.compute.device)
            with self.compute.autocast():
                posterior = model.posterior(x, settings.batch_size)
                mode = posterior.mode
                x_hat = few(model.complete(mode, space, rng))
                errors.append(squared_error(x, x_hat).cpu())
                bounds.add(x, posterior, density, settings.posterior_samples, rng)
                if block is not None:
                    categories.append(model.space.split(mode)[block.name].argmax(-1).cpu())
            noise_ratios.append(psnr(x, x_hat).cpu())
            if min(x.shape[2:]) >= WINDOW:
                # outside autocast: its differences of squares need float32
                similarities.append(ssim(x, x_hat).cpu())
        values = reconstruction(torch.cat(errors), self.pixels)
        values["psnr"] = torch.cat(noise_ratios).double().mean().item()
        if similarities:
            values["ssim"] = torch.cat(similarities).double().mean().item()
        values |= bounds.means()
        if self.likelihood.name == "gaussian" and "ll" in values:
            bits = bits_per_dimension(torch.tensor(values["ll"]), self.pixels)
            values["bits_per_dimension"] = bits.item()
        return values, (torch.cat(categories), block.dim) if block is not None else None

    @torch.no_grad()
    def of_clusterer(self, clusterer: Clusterer) -> Categories:
        """The likeliest category of each image of the split."""
        found = []
        for batch in self.prepared.batches(self.settings.split, self.settings.batch_size):
            with self.compute.autocast():
                probabilities = clusterer.probabilities(batch.to(self.compute.device))
            found.append(probabilities.argmax(-1).cpu())
        return torch.cat(found), probabilities.shape[1]

    def calibration(
        self, model: InferenceModel, likelihood: Likelihood | None = None
    ) -> dict[str, Calibration]:
        """By block, on generated images; with a likelihood, on those with its noise."""
        assert self.generator is not None
        images, size = self.settings.calibration_images, self.settings.batch_size
        seed = self.params.seed
        return calibrate(self.generator, model, images, size, seed, self.compute, likelihood)

    def clusters(self, found: Tensor, size: int) -> tuple[dict[str, float], list[list[int]]]:
        """Categories ``(N,)`` of so many values against the labels, and the table of both."""
        classes = self.prepared.labels_of(self.settings.split)
        count = len(self.prepared.manifest["classes"])
        return (
            clustering(found.numpy(), classes),
            confusion(found.numpy(), classes, size, count).tolist(),
        )

    def baselines(self, tables: Mapping[str, list[list[int]]]) -> dict[str, dict[str, float]]:
        """What needs no generator, where there are categories to compare with."""
        sizes = self._categories() or [len(table) for table in tables.values()]
        if not sizes or not self.settings.clustering:
            return {}
        return baselines(
            self.prepared, self.settings, sizes[0], self.params.seed, self.sorter, self.compute
        )

    def _categories(self) -> list[int]:
        """How many values each category of the generator has."""
        if self.generator is None:
            return []
        return [block.dim for block in self.generator.latent_space.of_role("category")]
