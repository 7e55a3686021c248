"""``train-extractor``: a classifier of the data set at hand, which judges images and nothing else.

It sees labels, of the training split alone. Nothing that it says may train or choose a model.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ssavl.datasets.prepared import MANIFEST, Prepared, Split, read_prepared
from ssavl.engine.run import LOG, Run
from ssavl.errors import UserError
from ssavl.methods.extractor import build_classifier, classifier_phases
from ssavl.models.extractor import FILE, Extractor, accuracy, save_extractor
from ssavl.networks.classifier import Classifier
from ssavl.params.stages import Params
from ssavl.runs.workspace import Options, seed_everything, workspace
from ssavl.storage.files import sha256

BATCH = 1000


def train_extractor(params: Params, data: Path, out: Path, options: Options) -> dict[str, Any]:
    """Write ``extractor.pt``, ``log.csv`` and ``run.json``,
    which has the accuracy on every split left out of training.

    Raises:
        UserError: missing data, data without labels, images that the network cannot read, a loss
            that is not finite.
        Interrupted: a signal; the same command continues.
    """
    train = params.train_extractor
    compute = options.compute()
    prepared = read_prepared(data)
    if prepared.labels is None:
        raise UserError(
            f"{data} has no labels, which a classifier learns from: prepare images with classes"
        )
    rng = seed_everything(params.seed, compute)
    classes = tuple(prepared.manifest["classes"])
    try:
        network = compute.place(build_classifier(train, prepared.image_shape, len(classes)))
    except ValueError as error:
        raise UserError(f"train-extractor: {error}") from None
    labels = torch.tensor(prepared.labels_of("train"), device=compute.device)

    def labelled(n: int) -> tuple[Tensor, Tensor]:
        index = torch.randint(len(labels), (n,), generator=rng, device=rng.device)
        return prepared.take("train", index), labels[index]

    settings = {"seed": params.seed, "train-extractor": train.model_dump(mode="json")}
    with workspace("train-extractor", settings, {"data": data / MANIFEST}, out, compute) as work:
        run = Run(
            {"classifier": network},
            classifier_phases(network, train, labelled, rng),
            options.schedule(train),
            compute,
            rng,
            work.scratch,
        )
        run.train()
        origin = {"name": prepared.manifest["dataset"], "manifest": sha256(data / MANIFEST)}
        extractor = Extractor(network, classes, origin, _accuracies(network, prepared))
        save_extractor(out / FILE, extractor)
        shutil.copyfile(work.scratch / LOG, out / LOG)
        measured = {"accuracy": dict(extractor.accuracy), "weights": extractor.weights}
        work.record |= {"iterations": run.step, "resumed_from": run.resumed_from, **measured}
    return {"extractor": str(out / FILE), "iterations": run.step, **measured}


def _accuracies(network: Classifier, prepared: Prepared) -> dict[str, float]:
    splits: tuple[Split, ...] = ("validation", "test")
    return {
        split: accuracy(network.eval(), prepared.batches(split, BATCH), prepared.labels_of(split))
        for split in splits
        if prepared.manifest["splits"][split]
    }
