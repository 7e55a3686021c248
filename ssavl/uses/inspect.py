"""``inspect``: what a generator is and whether encoders can be fitted to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ssavl.figures.grid import image_grid
from ssavl.figures.save import save_figure
from ssavl.generators import dcgan
from ssavl.generators.description import (
    Description,
    Layers,
    read_description,
    write_description,
)
from ssavl.generators.inspection import Check, first_units
from ssavl.generators.inspection import inspect as run_checks
from ssavl.generators.load import load_generator
from ssavl.generators.source import Source
from ssavl.generators.statistics import statistics
from ssavl.params.stages import Params
from ssavl.runs.workspace import Options
from ssavl.storage.weights import weights_hash

ROWS = COLUMNS = 8


@dataclass(frozen=True)
class Report:
    """What was found: plain facts, and the checks."""

    facts: dict[str, Any]
    checks: list[Check]


def inspect(params: Params, gan: Source, out: Path | None, write: bool, options: Options) -> Report:
    """Load, describe and check a generator.

    Args:
        out: folder for ``samples.png``, or ``None`` for no picture.
        write: whether the description goes into a ``.gan.yaml`` beside the generator.

    Raises:
        UserError: a generator that cannot be loaded.
    """
    compute = options.compute()
    generator = compute.place(load_generator(gan))
    facts: dict[str, Any] = {
        "generator": gan.spec,
        **generator.facts(),
        "latent space": repr(generator.latent_space),
        "images": list(generator.image_shape),
        "parameters": sum(p.numel() for p in generator.parameters()),
        "weights": weights_hash(generator),
    }
    facts["first units"] = first_units(generator, params.seed)
    if generator.facts().get("loaded as") == dcgan.RUNNER:
        layers = gan.described.over(read_description(gan.path)).layers or Layers()
        facts["assumed, since weights do not say"] = (
            f"{dcgan.assumed(layers)}; otherwise: --gan-arg slope=0.2, last=sigmoid, epsilon=0.001"
        )
    stored = statistics(generator, params.seed)
    if stored is not None:
        advice = ": look at --gan-arg, --prior and --key" if stored.wrong else ""
        facts["BatchNorm statistics"] = f"{stored}{advice}"
    checks = run_checks(generator, params.seed)
    if out is not None:
        with torch.no_grad():
            latents = generator.draw(ROWS * COLUMNS, compute.generator(params.seed))
            images = generator(latents).unflatten(0, (ROWS, COLUMNS))
        save_figure(out / "samples.png", image_grid(images, f"samples of {gan.spec}"))
        facts["picture"] = str(out / "samples.png")
    told = generator.described()
    if write and told is not None:
        described = Description.model_validate(
            {**told, "key": gan.described.key, "layers": gan.described.layers}
        )
        facts["description"] = str(write_description(gan.path, described))
    return Report(facts, checks)
