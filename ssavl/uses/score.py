"""``ssavl score``: how likely each image is under the generator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ssavl.errors import UserError
from ssavl.images.stream import ImageStream
from ssavl.model import Model
from ssavl.objectives.likelihood import Likelihood
from ssavl.storage.tables import open_table

REFERENCE = 1000  # generated images that a score is ranked among


def score(
    model: Model,
    images: Sequence[Path],
    out: Path,
    samples: int,
    likelihood: Likelihood,
    batch_size: int,
) -> dict[str, Any]:
    """Write per-image bounds on log p(x), and where each stands among the generator's own images.

    Columns: ``name``, ``ll`` (surrogate 1, Eq. 18), ``ll_code``, ``ll_noise``, ``kl_<block>``
    (nats), ``mse``, and
    ``rank``: the share of the generator's own images that score lower. Near 0 an image is unlike
    anything that the generator makes.

    Args:
        samples: draws of the posterior per image.

    Raises:
        UserError: encoders that leave a block out, a path that holds no image, a generator that
            cannot be loaded.
    """
    if model.inference.space.dim != model.latent_space.dim:
        raise UserError(
            f"{model.inference.space!r} is inferred, "
            f"and a score needs all of {model.latent_space!r}"
        )
    stream = ImageStream(images, model.image_shape)
    _, own = model.sample(REFERENCE)
    reference = model.score(own, samples, likelihood)["ll"].sort().values
    scores, ranks = [], []
    with open_table(out) as table:
        for names, x in stream.batches(batch_size):
            terms = model.score(x, samples, likelihood)
            rank = torch.searchsorted(reference, terms["ll"].contiguous()) / REFERENCE
            columns = {name: term.cpu().numpy() for name, term in terms.items()}
            table.write({"name": np.array(names), **columns, "rank": rank.cpu().numpy()})
            scores.append(terms["ll"].cpu())
            ranks.append(rank.cpu())
    return {
        "images": sum(map(len, scores)),
        "ll": torch.cat(scores).mean().item(),
        "ll_of_generated": reference.mean().item(),
        "rank": torch.cat(ranks).mean().item(),
        "unreadable": stream.unreadable,
        "out": str(out),
    }
