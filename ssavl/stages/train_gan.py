"""``train-gan``: SS-AVL's generator, from real images.

It reaches its own method and no other, so that a new method leaves a study as it is.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from ssavl.datasets.prepared import MANIFEST, read_prepared
from ssavl.errors import UserError
from ssavl.methods.method import Common
from ssavl.methods.ssavl.game import build
from ssavl.params.stages import Params
from ssavl.runs.leaving import leave_model
from ssavl.runs.training import Job, train
from ssavl.runs.workspace import Options, seed_everything


def train_gan(params: Params, data: Path, out: Path, options: Options) -> dict[str, Any]:
    """Write ``generator.pt``, logs and ``run.json``.

    ``generator.pt`` also holds the encoders that the training left: the code encoder of L_MI, under
    ``interleaved`` the noise encoder too.

    Raises:
        UserError: missing data or too little to cluster, images that the networks cannot make, a
            loss that is not finite.
        Interrupted: a signal; the same command continues.
    """
    own, settings = params.train_gan, params.of("latents", "networks", "train_gan")
    compute = options.compute()
    rng = seed_everything(params.seed, compute)
    draws = read_prepared(data).draws("train", rng)
    try:
        method = build(own, Common.of(params, own, rng), draws)
    except ValueError as error:
        raise UserError(f"train-gan: {error}") from None
    job = Job("train-gan", settings, {"data": data / MANIFEST}, out, options, compute, rng)
    leave = partial(leave_model, out / "generator.pt", "ss-avl", settings, method.leaves)
    return train(job, method, leave)
