"""``evaluate traversal``: what a walk along each latent dimension does to the class,
and what each category holds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from ssavl.errors import UserError
from ssavl.generators.load import load_generator
from ssavl.generators.source import Source
from ssavl.latents.draws import draws
from ssavl.metrics.traversal import classes_by_value, contents, kept, kept_summary
from ssavl.models.extractor import load_extractor
from ssavl.params.stages import Params
from ssavl.runs.results import TRAVERSAL
from ssavl.runs.workspace import Options
from ssavl.storage.files import locked, write_json
from ssavl.storage.weights import weights_hash


def evaluate_traversal(
    params: Params, gan: Source, extractor: Path, out: Path, options: Options
) -> dict[str, Any]:
    """Write ``traversal.json``, and return it.

    Raises:
        UserError: files that cannot be read, an extractor of other images than the generator's.
    """
    settings = params.evaluate_traversal
    compute = options.compute()
    judge = load_extractor(extractor).place(compute)
    generator = compute.place(load_generator(gan))
    if judge.image_shape != tuple(generator.image_shape):
        raise UserError(
            f"{extractor} reads {judge.image_shape} images, but {gan.spec} makes "
            f"{generator.image_shape}"
        )
    space, n = generator.latent_space, settings.samples
    parts: dict[str, list[Tensor]] = {block.name: [] for block in space.of_role("noise", "code")}
    counts = {
        b.name: torch.zeros(b.dim, len(judge.classes), dtype=torch.int64)
        for b in space.of_role("category")
    }
    with compute.autocast(), tqdm(total=n, disable=None, unit="latent", leave=False) as bar:
        for latents in draws(
            generator.draw,
            n,
            max(1, settings.batch_size // settings.steps),
            compute.generator(params.seed),
        ):
            for name, shares in kept(generator, judge.classify, latents, settings.steps).items():
                parts[name].append(shares.cpu())
            bar.update(len(latents))
        for block in space.of_role("category"):
            for latents in draws(
                generator.draw, n, settings.batch_size, compute.generator(params.seed)
            ):
                counts[block.name] += classes_by_value(
                    generator, judge.classify, latents, block, len(judge.classes)
                )
    result = {
        "extractor": judge.record(),
        "generator": weights_hash(generator),
        "samples": n,
        "steps": settings.steps,
        "seed": params.seed,
        "blocks": {name: kept_summary(name, torch.cat(found)) for name, found in parts.items()},
        "categories": {name: contents(table, judge.classes) for name, table in counts.items()},
    }
    with locked(out):
        write_json(out / TRAVERSAL, result)
    return result
