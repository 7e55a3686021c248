"""3D Chairs (Aubry et al. 2014): renders of 1,393 models from 62 sides."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ssavl.datasets.drawn import shuffled
from ssavl.datasets.factor_files import FactorFiles
from ssavl.datasets.factors import Factor, FactorImages
from ssavl.datasets.pictures import Pictures
from ssavl.datasets.source import NAMED, Source
from ssavl.errors import UserError
from ssavl.images.listing import Files, files_below
from ssavl.params.stages import PrepareDataParams

FOLDER = "rendered_chairs"
NAME = re.compile(r"(?P<model>[^/]+)/renders/image_\d+_p(?P<p>\d+)_t(?P<t>\d+)_r\d+\.png")
COUNT = 86_366  # of the official files
SIZE, CROP = 64, 400  # the middle of 600 x 600 pixels, which holds nearly every chair
WHERE = "https://www.di.ens.fr/willow/research/seeing3Dchairs"


def source(root: Path | None, params: PrepareDataParams, seed: int) -> Source:
    """Every render, shuffled by ``seed`` and split; there are no classes.

    Args:
        root: ``rendered_chairs``, or the folder that holds it.

    Raises:
        UserError: no root, or none of the official names in it; a limit beyond the data.
    """
    files = _files(root)
    (order,) = shuffled((len(files),), params.limit, seed)
    found, files = len(files), files.at(order)
    shape = params.image_shape(SIZE, 3)
    notes = () if found == COUNT else (f"{found} renders, where 3D Chairs has {COUNT}",)
    return Source(
        "chairs",
        shape,
        (len(files),),
        Pictures(files, shape, params.background, params.crop or CROP),
        test_fraction=params.test_fraction,
        costly=True,
        mark=files.digest(),
        notes=notes,
    )


def factor_images(root: Path | None, image_shape: tuple[int, int, int]) -> FactorImages:
    """Every render with its model, elevation and azimuth, the latter in degrees.

    Raises:
        UserError: as :func:`source`.
    """
    files = _files(root)
    found = [NAME.search(name) for name in files.names()]
    told = [(own["model"], int(own["p"]), int(own["t"])) for own in found if own]
    factors, classes = [], []
    for name, column in zip(
        ("model", "elevation", "azimuth"), zip(*told, strict=True), strict=True
    ):
        values, own = np.unique(np.array(column), return_inverse=True)
        factors.append(Factor(name, tuple(values.tolist())))
        classes.append(own)
    pictures = Pictures(files, image_shape, crop=CROP)
    return FactorFiles("chairs", pictures, tuple(factors), np.stack(classes, axis=1))


def _files(root: Path | None) -> Files:
    if root is None:
        raise UserError(f"chairs need the folder {FOLDER} ({WHERE}): {NAMED}")
    folder = root / FOLDER if (root / FOLDER).is_dir() else root
    if not folder.is_dir():
        raise UserError(f"data folder {root} does not exist: give {FOLDER} ({WHERE})")
    files = files_below(folder, lambda name: NAME.fullmatch(name) is not None)
    if not len(files):
        raise UserError(
            f"data folder {folder} has no MODEL/renders/image_*_p*_t*_r*.png: unpack "
            f"rendered_chairs.tar and give {FOLDER} ({WHERE})"
        )
    return files
