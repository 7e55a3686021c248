"""``train-extractor``: the classifier that images are judged by."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ssavl.datasets.prepared import MANIFEST, Prepared, Split, read_prepared
from ssavl.engine.run import Run
from ssavl.errors import UserError
from ssavl.methods.extractor import build
from ssavl.models.extractor import FILE, Extractor, accuracy, save_extractor
from ssavl.networks.classifier import Classifier
from ssavl.params.stages import Params
from ssavl.runs.training import Job, train
from ssavl.runs.workspace import Options, seed_everything
from ssavl.storage.files import sha256

SPLITS: tuple[Split, ...] = ("validation", "test")  # that it was not trained on
BATCH = 1000


def train_extractor(params: Params, data: Path, out: Path, options: Options) -> dict[str, Any]:
    """Write ``extractor.pt``, ``log.csv`` and ``run.json``, which has the accuracy by split.

    Raises:
        UserError, Interrupted: as :func:`ssavl.stages.train.train`; data without labels.
    """
    compute = options.compute()
    prepared = read_prepared(data)
    if prepared.labels is None:
        raise UserError(f"{data} has no labels to learn from: prepare images with classes")
    rng = seed_everything(params.seed, compute)
    classes, draws = tuple(prepared.manifest["classes"]), prepared.draws("train", rng)
    try:
        method = build(params.train_extractor, draws, len(classes), rng)
    except ValueError as error:
        raise UserError(f"train-extractor: {error}") from None
    settings = params.of("train_extractor")
    job = Job("train-extractor", settings, {"data": data / MANIFEST}, out, options, compute, rng)
    return train(job, method, partial(_leave, out, prepared, classes, sha256(data / MANIFEST)))


def _leave(
    out: Path, prepared: Prepared, classes: tuple[str, ...], manifest: str, run: Run
) -> Mapping[str, Any]:
    network = run.modules["classifier"].eval()
    assert isinstance(network, Classifier)
    right: dict[str, float] = {
        split: accuracy(network, prepared.batches(split, BATCH), prepared.labels_of(split))
        for split in SPLITS
        if prepared.manifest["splits"][split]
    }
    data = {"name": prepared.manifest["dataset"], "manifest": manifest}
    extractor = Extractor(network, classes, data, right)
    save_extractor(out / FILE, extractor)
    weights = extractor.weights
    return {"extractor": str(out / FILE), "accuracy": dict(right), "weights": weights}
