"""CelebA (Liu et al. 2015), aligned and cropped, from its official files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssavl.datasets.drawn import shuffled
from ssavl.datasets.factor_files import FactorFiles
from ssavl.datasets.factors import Factor, FactorImages
from ssavl.datasets.pictures import Pictures
from ssavl.datasets.source import NAMED, Source
from ssavl.errors import UserError, few
from ssavl.images.listing import Files
from ssavl.params.stages import PrepareDataParams

IMAGES = "img_align_celeba"
PARTITION, ATTRIBUTES = "list_eval_partition.txt", "list_attr_celeba.txt"
SPLITS = ("train", "validation", "test")  # 0, 1, 2 of the partition
COUNT = 202_599  # of the official files
SIZE, CROP = 64, 148  # the usual square of a face, of 178 x 218 pixels
WHERE = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html (for research alone)"


def source(root: Path | None, params: PrepareDataParams, seed: int) -> Source:
    """The three splits of the official partition, each shuffled by ``seed``; there are no classes.

    Args:
        root: the folder with ``img_align_celeba`` and the lists, or torchvision's around it.

    Raises:
        UserError: no root; a file or list that is missing, an image that a list names and that is
            not there, a limit beyond the data.
    """
    folder = _folder(root)
    names, split = _partition(folder)
    order = np.argsort(split, kind="stable")
    counts = tuple(np.bincount(split, minlength=len(SPLITS)).tolist())
    if not all(counts):
        raise UserError(f"{folder / PARTITION} names no image of each split: fetch it again")
    parts = shuffled(counts, params.limit, seed)
    files = Files(folder / IMAGES, names).at(order[np.concatenate(parts)])
    shape = params.image_shape(SIZE, 3)
    notes = () if len(names) == COUNT else (f"{len(names)} images, where CelebA has {COUNT}",)
    pictures = Pictures(files, shape, params.background, params.crop or CROP)
    lengths = tuple(map(len, parts))
    mark = files.digest()
    return Source("celeba", shape, lengths, pictures, costly=True, mark=mark, notes=notes)


def factor_images(root: Path | None, image_shape: tuple[int, int, int]) -> FactorImages:
    """All images with their forty attributes, each absent (-1) or present (1).

    Raises:
        UserError: as :func:`source`.
    """
    folder = _folder(root)
    names, _ = _partition(folder)
    header, values = _attributes(folder, names)
    factors = tuple(Factor(name, (-1.0, 1.0)) for name in header)
    files = Files(folder / IMAGES, names)
    pictures = Pictures(files, image_shape, crop=CROP)
    return FactorFiles("celeba", pictures, factors, (values > 0).astype(np.int64))


def _folder(root: Path | None) -> Path:
    if root is None:
        raise UserError(f"celeba needs the folder of {IMAGES} and its lists ({WHERE}): {NAMED}")
    for folder in (root, root / "celeba"):
        if (folder / IMAGES).is_dir():
            return folder
    packed = [path for path in (root, root / "celeba") if (path / f"{IMAGES}.zip").is_file()]
    if packed:
        raise UserError(f"{packed[0] / IMAGES}.zip is packed: unzip it in {packed[0]}")
    raise UserError(f"data folder {root} has no {IMAGES}: unpack {IMAGES}.zip there ({WHERE})")


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: it is a list of CelebA ({WHERE})") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is no list of CelebA: fetch it again ({WHERE})") from None


def _partition(folder: Path) -> tuple[list[str], NDArray[np.int64]]:
    """Names of all images, and the split of each."""
    path = folder / PARTITION
    names, split = [], []
    for number, line in enumerate(_lines(path), 1):
        words = line.split()
        if not words:
            continue
        if len(words) != 2 or words[1] not in ("0", "1", "2") or "/" in words[0]:
            raise UserError(
                f"{path}, line {number}: '{line[:60]}' is no name and 0, 1 or 2: fetch it again"
            )
        names.append(words[0])
        split.append(int(words[1]))
    absent = [name for name in names if not (folder / IMAGES / name).is_file()]
    if absent or not names:
        raise UserError(
            f"{folder / IMAGES} lacks {len(absent)} of the {len(names)} images of {PARTITION}: "
            f"{few(absent)}"
        )
    return names, np.array(split)


def _attributes(folder: Path, names: list[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Names of the attributes, and those of each image, -1 or 1."""
    path = folder / ATTRIBUTES
    _, header, *rows = [*_lines(path), "", ""]
    wanted = header.split()
    found = {row.split()[0]: row.split()[1:] for row in rows if row.split()}
    values = [found.get(name, []) for name in names]
    if not wanted or any(len(row) != len(wanted) or not set(row) <= {"-1", "1"} for row in values):
        raise UserError(
            f"{path} does not say of every image of {PARTITION} whether it has each attribute "
            "(-1 or 1): fetch it again"
        )
    return wanted, np.array(values, np.int64)
