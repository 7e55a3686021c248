"""``ssavl.train``: any method of the registry, on images in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssavl.engine.device import choose
from ssavl.engine.isolation import isolated
from ssavl.errors import UserError
from ssavl.face.run import checked, play, seeded
from ssavl.images.batch import Pictures, as_batch, as_floats, shape_of
from ssavl.images.draws import Draws
from ssavl.methods.method import Common
from ssavl.methods.registry import make, own_params
from ssavl.model import Model
from ssavl.models.held import Held
from ssavl.objectives.likelihood import Likelihood, observation
from ssavl.params.arguments import weight
from ssavl.params.shared import LatentsParams, NetworksParams
from ssavl.params.stages import TrainParams
from ssavl.runs.leaving import collect


def train(
    method: str,
    images: Pictures,
    *,
    labels: Sequence[int] | NDArray[np.integer[Any]] | Tensor | None = None,
    latents: Mapping[str, Any] | None = None,
    networks: Mapping[str, Any] | None = None,
    own: Mapping[str, Any] | None = None,
    likelihood: Likelihood | None = None,
    beta: float = 1.0,
    seed: int | torch.Generator = 0,
    device: str | None = None,
    precision: str | None = None,
    progress: bool = True,
    **settings: Any,
) -> Model:
    """Train a method on real images.

    Args:
        method: its name; ``ssavl methods`` lists them.
        images: as :func:`ssavl.images.batch.as_batch` takes them, all of one size.
        labels: classes ``(N,)``, for a method that learns from them.
        latents, networks: sections of the parameters of these names, as mappings.
        own: what the method reads of its own; ``ssavl methods NAME`` lists it.
        likelihood, beta: of bounds; the paper's and 1 by default.
        seed: of everything random; or a generator, which it is drawn from.
        device, precision: the best that this machine has, by default.
        progress: whether a bar shows.
        settings: ``iterations``, ``batch_size``, ``learning_rate`` and whatever else the section
            ``train`` has.

    Raises:
        UserError: an unknown method or setting, images that its networks cannot make, a loss that
            is not finite.
        KeyboardInterrupt: Ctrl-C.
    """
    optimisation = checked(TrainParams, {**settings, "method": method})
    parameters = own_params(method, {} if own is None else own)
    compute, number = choose(device, precision), seeded(seed)
    with isolated(compute.device, number):
        rng = compute.generator(number)
        data = in_memory(images, labels, rng)
        common = Common(
            optimisation,
            checked(LatentsParams, {} if latents is None else latents, "latents"),
            checked(NetworksParams, {} if networks is None else networks, "networks"),
            observation(likelihood),
            weight("beta", beta),
            number,
            rng,
        )
        made = make(method, parameters, common, data)
        run = play(made, compute, rng, progress)
        saved = collect(method, {}, made.leaves, run)
        for part in (saved.generator, saved.inference):
            if part is not None:
                compute.place(part.eval().requires_grad_(False))
        held = Held(method, saved.generator, saved.inference, saved.clusterer)
        return Model(held, compute, number)


def in_memory(images: Pictures, labels: Any, rng: torch.Generator) -> Draws:
    """Images, and labels where there are any, as methods draw them.

    Raises:
        UserError: images of no one size, or another number of labels.
    """
    x = as_batch(images, shape_of(images))
    classes = None
    if labels is not None:
        try:
            found = np.asarray(labels.cpu() if isinstance(labels, Tensor) else labels)
        except ValueError:
            raise UserError(
                "labels are of several lengths: give one whole number per image"
            ) from None
        if found.dtype.kind not in "biu" or found.shape != (len(x),):
            raise UserError(
                f"labels are {found.dtype} {found.shape}; whole numbers ({len(x)},) are needed"
            )
        classes = torch.from_numpy(found.astype(np.int64)).to(rng.device)
    as_floats(x)  # what cannot be trained on is refused before it begins
    return Draws(shape_of(images), len(x), partial(_take, x), partial(_batches, x), rng, classes)


def _take(x: Tensor, index: Tensor) -> Tensor:
    return as_floats(x[index.to(x.device)]).to(index.device)


def _batches(x: Tensor, size: int) -> Iterator[Tensor]:
    yield from (as_floats(part) for part in x.split(size))
