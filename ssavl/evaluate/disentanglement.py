"""``ssavl evaluate disentanglement``: of fitted encoders on images with known factors,
or of anyone's codes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.distributions import Normal, kl_divergence
from tqdm import tqdm

from ssavl.datasets.factors import FactorImages
from ssavl.datasets.readers import read_factor_images
from ssavl.errors import UserError
from ssavl.face.load import load
from ssavl.latents.space import Factorised
from ssavl.metrics.disentanglement.all import disentanglement
from ssavl.metrics.disentanglement.factor_vae import KL_POINTS
from ssavl.metrics.disentanglement.representation import Representation, represent
from ssavl.model import Model
from ssavl.models.bundle import by_name
from ssavl.params.evaluate import EvaluateDisentanglementParams
from ssavl.params.stages import Params
from ssavl.runs.results import DISENTANGLEMENT
from ssavl.storage.arrays import NUMBERS, TEXT, WHOLE, read_arrays
from ssavl.storage.files import locked, write_json


def of_encoders(
    params: Params,
    encoders: Sequence[Path],
    data: str,
    root: Path | None,
    out: Path,
    device: str | None,
    precision: str | None,
) -> dict[str, Any]:
    """Measure each model's posterior means on the same points, encoded once,
    and write ``disentanglement.json``.

    Args:
        encoders: folders or files; no generator is needed.
        data, root: as :func:`ssavl.datasets.readers.read_factor_images`.

    Returns:
        ``scores`` and ``tables`` by model, and the ``data``.

    Raises:
        UserError: files that cannot be read, encoders of other images or without a block of the
            roles asked for.
    """
    settings = params.evaluate_disentanglement

    def loaded(path: Path) -> Model:
        return load(path, device=device, precision=precision, seed=params.seed)

    models = by_name(encoders, loaded, lambda model: model.inference.name)
    _, first = next(iter(models.values()))
    images = read_factor_images(data, root, first.image_shape)
    index = images.draw(settings.train + settings.test, np.random.default_rng(params.seed))
    samples = ((name, encode(own, images, index, settings)) for name, (_, own) in models.items())
    return _report(params, samples, images.name, out)


def of_codes(params: Params, files: Sequence[Path], out: Path) -> dict[str, Any]:
    """Measure anyone's codes, and write ``disentanglement.json``.

    Args:
        files: ``.npz`` with ``codes`` ``(N, C)`` and ``factors`` ``(N, F)`` integers, and what
            there is of ``kl`` ``(C,)`` in nats, ``categories`` ``(C,)`` (0, or the number of the
            category that a column is a probability of), ``names`` ``(C,)`` and ``factor_names``
            ``(F,)``.

    Returns:
        As :func:`of_encoders`.

    Raises:
        UserError: a file that cannot be read, arrays that are missing or do not fit.
    """
    # Several files may have the same stem: then the whole path tells them apart.
    names = [path.stem for path in files] if len(files) == 1 else [str(path) for path in files]
    samples = ((name, _read_codes(path)) for name, path in zip(names, files, strict=True))
    return _report(params, samples, ", ".join(str(path) for path in files), out)


def encode(
    model: Model,
    images: FactorImages,
    index: NDArray[np.int64],
    settings: EvaluateDisentanglementParams,
) -> Representation:
    """The posterior means of images, one batch at a time; of encoders that give points, those.

    Raises:
        UserError: a model that infers no block of the roles asked for, images of another shape.
    """
    space = model.inference.space
    blocks = [block for block in space.blocks if block.role in settings.roles]
    if not blocks:
        raise UserError(
            f"{model.inference.name} infers {space!r}, nothing of {', '.join(settings.roles)}: set "
            "evaluate-disentanglement.roles to what it infers"
        )
    codes, divergences = [], []
    for start in tqdm(
        range(0, len(index), settings.batch_size), desc="encoding", disable=None, leave=False
    ):
        posterior = model.posterior(images.take(index[start : start + settings.batch_size]))
        parts = space.split(posterior.mode)
        told = posterior if isinstance(posterior, Factorised) else None
        if told is not None:
            parts |= {b.name: told.probabilities(b.name) for b in space.of_role("category")}
        chosen = torch.cat([parts[block.name] for block in blocks], dim=1)
        codes.append(chosen.double().cpu().numpy())
        if told is not None and start < KL_POINTS:
            own = _divergences(told)
            columns = torch.cat([own[block.name] for block in blocks], dim=1)
            divergences.append(columns.double().cpu().numpy())
    groups: list[int] = []  # of each column: its category's number, or 0
    names: list[str] = []
    for number, block in enumerate(blocks, start=1):
        if block.role == "category":
            groups += [number] * block.dim
            names += [block.name] * block.dim
        else:
            groups += [0] * block.dim
            names += [f"{block.name}_{dimension}" for dimension in range(block.dim)]
    return represent(
        np.concatenate(codes),
        images.classes(index),
        np.concatenate(divergences)[:KL_POINTS].mean(axis=0) if divergences else None,
        np.array(groups),
        names,
        [factor.name for factor in images.factors],
    )


def _divergences(posterior: Factorised) -> dict[str, torch.Tensor]:
    """In nats, ``(B, dim)`` per block; a category's stands in its first column."""
    whole = posterior.kl()
    result = {}
    for block in posterior.space.blocks:
        if block.role == "category":
            result[block.name] = torch.nn.functional.pad(
                whole[block.name][:, None], (0, block.dim - 1)
            )
        else:
            normal = posterior.gaussian(block.name)
            standard = Normal(torch.zeros_like(normal.mean), torch.ones_like(normal.mean))
            result[block.name] = kl_divergence(normal, standard)
    return result


WANTED = {
    "codes": NUMBERS,
    "factors": WHOLE,
    "kl": NUMBERS,
    "categories": WHOLE,
    "names": TEXT,
    "factor_names": TEXT,
}


def _read_codes(path: Path) -> Representation:
    arrays = read_arrays(path, WANTED)
    absent = [name for name in ("codes", "factors") if name not in arrays]
    if absent:
        raise UserError(
            f"{path} has no {' and no '.join(absent)}: it needs codes (N, D) and factors (N, F)"
        )
    for name, array in arrays.items():
        if array.ndim != (2 if name in ("codes", "factors") else 1):
            raise UserError(f"{path}: {name} have the shape {array.shape}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise UserError(f"{path}: some numbers of {name} are not finite")
    try:
        return represent(
            arrays["codes"].astype(np.float64),
            arrays["factors"].astype(np.int64),
            arrays.get("kl"),
            arrays.get("categories"),
            arrays["names"].tolist() if "names" in arrays else None,
            arrays["factor_names"].tolist() if "factor_names" in arrays else None,
        )
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _report(
    params: Params, samples: Iterator[tuple[str, Representation]], data: str, out: Path
) -> dict[str, Any]:
    settings = params.evaluate_disentanglement
    scores, tables = {}, {}
    for name, sample in samples:
        found = disentanglement(
            sample,
            settings.train,
            settings.test,
            settings.bins,
            settings.trees,
            params.seed,
            torch.get_num_threads(),
        )
        scores[name], tables[name] = found.scores, found.tables
    result = {
        "data": data,
        "protocol": settings.model_dump(mode="json"),
        "scores": scores,
        "tables": tables,
    }
    with locked(out):
        write_json(out / DISENTANGLEMENT, result)
    return result
