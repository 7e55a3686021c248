"""``evaluate fidelity``: generated images against real ones,
beside what real images score against real ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ssavl.datasets.preparation import IMAGES
from ssavl.datasets.prepared import Prepared, read_prepared
from ssavl.engine.device import Compute
from ssavl.errors import UserError
from ssavl.evaluate.feature_cache import FeatureCache
from ssavl.generators.load import load_generator
from ssavl.generators.protocol import Generator
from ssavl.generators.source import Source
from ssavl.latents.draws import draws
from ssavl.metrics.fidelity import (
    Features,
    Judge,
    classifier_judge,
    features,
    fidelity,
    inception_judge,
    score_splits,
    untrained_judge,
)
from ssavl.models.bundle import require_same_shape
from ssavl.models.extractor import FILE, load_extractor
from ssavl.params.evaluate import EvaluateFidelityParams
from ssavl.params.stages import Params
from ssavl.runs.results import FIDELITY
from ssavl.runs.workspace import Options
from ssavl.storage.files import locked, write_json
from ssavl.storage.weights import weights_hash

EXTRACTOR = Path("data/extractor")  # taken without being named, where it is
LEAST = 10  # images on each side


def evaluate_fidelity(
    params: Params,
    data: Path,
    gan: Source,
    extractor: Path | None,
    inception: Path | None,
    cache: Path | None,
    out: Path,
    options: Options,
) -> dict[str, Any]:
    """Write ``fidelity.json``, and return it.

    The split is dealt into two halves of n images. Generated images, n of them, are measured
    against the first (``generated``), and the second half against the first (``real``): no
    generator can be expected to do better than the latter. Beside the trained classifier stands an
    untrained one of the same shape.

    Args:
        extractor: of ``train-extractor``; by default ``data/extractor``, where it is.
        inception: the file of Inception's weights.
        cache: folder for the features of real images; by default the ``.ssavl`` of resume states.

    Raises:
        UserError: files that cannot be read or do not fit each other, no judge at all, or too few
            real images.
    """
    settings = params.evaluate_fidelity
    compute = options.compute()
    prepared = read_prepared(data)
    judges = _judges(extractor, inception, prepared, data, compute)
    generator = compute.place(load_generator(gan))
    require_same_shape(generator, gan, prepared.image_shape, data)
    n = _count(settings, prepared, data)
    real = _real(prepared, settings, n, params.seed, judges, FeatureCache(cache), compute)
    made = features(_generated(generator, n, settings.batch_size, params.seed, compute), judges)
    halves = slice(0, n), slice(n, 2 * n)
    result: dict[str, Any] = {
        "data": {
            "name": prepared.manifest["dataset"],
            "split": settings.split,
            "sha256": _hash(prepared),
        },
        "generator": weights_hash(generator),
        "seed": params.seed,
    }
    for key, judge in judges.items():
        reference, other = (
            {layer: each[part] for layer, each in real[key].items()} for part in halves
        )
        result[key] = judge.record() | {
            "n": n,
            "score_splits": score_splits(n),
            "generated": fidelity(made[key], reference, judge, params.seed),
            "real": fidelity(other, reference, judge, params.seed),
        }
    with locked(out):
        write_json(out / FIDELITY, result)
    return result


def _judges(
    extractor: Path | None, inception: Path | None, prepared: Prepared, data: Path, compute: Compute
) -> dict[str, Judge]:
    judges: dict[str, Judge] = {}
    if extractor is None and (EXTRACTOR / FILE).is_file():
        extractor = EXTRACTOR
    if extractor is not None:
        trained = load_extractor(extractor).place(compute)
        if trained.image_shape != prepared.image_shape:
            raise UserError(
                f"{extractor} reads {trained.image_shape} images, but {data} holds "
                f"{prepared.image_shape}"
            )
        judges = {
            "classifier": classifier_judge(trained),
            "untrained": untrained_judge(trained, compute),
        }
    if inception is not None:
        judges["inception"] = inception_judge(inception, compute)
    if not judges:
        raise UserError(
            f"nothing to judge images by: {EXTRACTOR / FILE} does not exist; run `ssavl "
            "train-extractor`, or give --extractor or --inception"
        )
    return judges


def _count(settings: EvaluateFidelityParams, prepared: Prepared, data: Path) -> int:
    images = len(prepared.span(settings.split))
    n = settings.samples or images // 2
    if n < LEAST or 2 * n > images:
        raise UserError(
            f"{data} has {images} {settings.split} images, and two halves of {max(n, LEAST)} are "
            "needed: set evaluate-fidelity.samples or .split"
        )
    return n


def _hash(prepared: Prepared) -> str:
    return str(prepared.manifest["sha256"][IMAGES])


@torch.no_grad()
def _generated(
    generator: Generator, n: int, size: int, seed: int, compute: Compute
) -> Iterator[Tensor]:
    for latents in draws(generator.draw, n, size, compute.generator(seed)):
        with compute.autocast():
            x = generator(latents)
        yield x  # outside: what reads it is no part of the generator, and computes in float32


def _real(
    prepared: Prepared,
    settings: EvaluateFidelityParams,
    n: int,
    seed: int,
    judges: Mapping[str, Judge],
    cache: FeatureCache,
    compute: Compute,
) -> dict[str, Features]:
    """What every judge sees in the split's two halves, n rows each;
    from the cache where it is kept.
    """
    span = prepared.span(settings.split)
    order = torch.randperm(len(span), generator=torch.Generator().manual_seed(seed))[: 2 * n]
    drawn = {"images": _hash(prepared), "span": [span.start, span.stop], "n": n, "seed": seed}
    identities = {
        key: {**drawn, "layers": judge.layers, "weights": judge.weights}
        for key, judge in judges.items()
    }
    found: dict[str, Features] = {}
    for key, identity in identities.items():
        kept = cache.read(identity)
        if kept is not None:
            found[key] = kept
    missing = {key: judge for key, judge in judges.items() if key not in found}
    if missing:
        batches = (prepared.take(settings.split, part) for part in order.split(settings.batch_size))
        for key, seen in features((x.to(compute.device) for x in batches), missing).items():
            cache.write(identities[key], seen)
            found[key] = seen
    return found
