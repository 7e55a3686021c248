"""What a score is ranked among: bounds of the generator's own images, kept beside the encoders."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from tqdm import tqdm

from ssavl.errors import UserError
from ssavl.latents.draws import OFFSET, together
from ssavl.model import Model
from ssavl.objectives.likelihood import Likelihood
from ssavl.params.section import Section
from ssavl.storage.documents import read_json
from ssavl.storage.files import digest, write_json
from ssavl.storage.weights import weights_hash
from ssavl.version import __version__

Nats = Annotated[float, Field(allow_inf_nan=False)]


class Kept(Section):
    """A reference in a file.

    Attributes:
        key: of what it was computed by.
        ll: surrogate 1 of each image, ascending.
    """

    key: str
    ll: list[Nats]


def reference(model: Model, images: int, samples: int, likelihood: Likelihood) -> Tensor | None:
    """Surrogate 1 (nats, ascending) of so many images of the generator; ``None`` where the model
    has no such bound.

    Computed once, then read from ``score-<key>.json`` beside the encoders: the key names both
    networks, the draws and the likelihood. The images and draws are the model's seed's, and no
    draws of the images that are scored.

    Args:
        samples: draws of the posterior per image.
    """
    origin = model.bundle.origin
    key = digest(
        {
            "encoders": weights_hash(model.inference),
            "generator": [origin.weights, origin.behaviour and origin.behaviour.pixels],
            "likelihood": [likelihood.name, likelihood.sigma],
            "draws": [images, samples, model.seed],
            "compute": model.compute.kind,
            "version": __version__,
        }
    )
    path = model.bundle.folder / f"score-{key}.json"
    found = _read(path, key, images)
    if found is not None:
        return torch.tensor(found, device=model.compute.device)
    bounds = _computed(model, images, samples, likelihood)
    if bounds is None:
        return None
    try:
        write_json(path, {"key": key, "ll": bounds.tolist()})
    except (OSError, UserError) as error:
        print(
            f"the reference of scores cannot be kept beside the encoders ({error}); it is "
            "computed anew each time",
            file=sys.stderr,
        )
    return bounds


def _read(path: Path, key: str, images: int) -> list[float] | None:
    if not path.is_file():
        return None
    try:
        kept = Kept.model_validate(read_json(path))
    except (ValueError, UserError):
        print(f"{path} is damaged; computed anew", file=sys.stderr)
        return None
    return kept.ll if kept.key == key and len(kept.ll) == images else None


def _computed(model: Model, images: int, samples: int, likelihood: Likelihood) -> Tensor | None:
    twin = Model(model.bundle, model.compute, model.seed + OFFSET, model.at_once)
    twin.generator = model.generator
    size = together(model.image_shape)
    parts = []
    with tqdm(total=images, desc="reference", disable=None, unit="image", leave=False) as bar:
        for start in range(0, images, size):
            _, x = twin.sample(min(size, images - start))
            bound = twin.score(x, samples, likelihood).get("ll")
            if bound is None:
                return None
            parts.append(bound)
            bar.update(len(x))
    return torch.cat(parts).sort().values
