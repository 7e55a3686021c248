"""``ssavl score``: how likely each image is under the generator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ssavl.images.picture import BACKGROUND
from ssavl.images.stream import ImageStream
from ssavl.latents.draws import together
from ssavl.model import Model
from ssavl.objectives.likelihood import Likelihood
from ssavl.storage.tables import open_table
from ssavl.uses.reference import reference

AMONG = 1000  # generated images that a score is ranked among


def score(
    model: Model,
    images: Sequence[Path],
    out: Path,
    samples: int,
    likelihood: Likelihood,
    background: str = BACKGROUND,
    among: int = AMONG,
) -> dict[str, Any]:
    """Write per-image bounds on log p(x), and where each stands among the generator's own images.

    Columns: ``name``, ``ll`` (surrogate 1, Eq. 18), ``ll_code``, ``ll_noise``, ``kl_<block>``
    (nats), ``mse``, and ``rank``: the share of the generator's own images that score lower. Near 0
    an image is unlike anything that the generator makes. Encoders that leave a block out, or whose
    posterior has no density, have no ``ll`` and no ``rank``: there is no such column, and ``None``
    in the result.

    Args:
        samples: draws of the posterior per image.
        background: colour under transparent pixels.
        among: generated images that an image is ranked among; of 0 there is no rank.

    Raises:
        UserError: a path that holds no image, a generator that cannot be loaded.
    """
    stream = ImageStream(images, model.image_shape, background)
    own = reference(model, among, samples, likelihood) if among else None
    count, sums = 0, {"ll": 0.0, "rank": 0.0}
    with open_table(out) as table:
        for names, x in stream.batches(together(model.image_shape)):
            terms = model.score(x, samples, likelihood)
            if own is not None:
                terms["rank"] = torch.searchsorted(own, terms["ll"].contiguous()) / among
            for name in sums.keys() & terms.keys():
                sums[name] += terms[name].double().sum().item()
            columns = {name: term.cpu().numpy() for name, term in terms.items()}
            table.write({"name": np.array(names), **columns})
            count += len(names)
    return {
        "images": count,
        "ll": sums["ll"] / count if "ll" in terms else None,
        "ll_of_generated": own.mean().item() if own is not None else None,
        "rank": sums["rank"] / count if own is not None else None,
        "unreadable": stream.unreadable,
        "notes": stream.notes.lines(),
        "out": str(out),
    }
