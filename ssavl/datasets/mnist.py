"""MNIST and its kin: the embedded 10,000 digits,
and the official IDX files (LeCun et al. 1998; Xiao et al. 2017).
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssavl.datasets.source import Source
from ssavl.datasets.stored import stored
from ssavl.errors import UserError
from ssavl.params.stages import PrepareDataParams
from ssavl.storage.arrays import unpacks

DIGITS = tuple("0123456789")
GARMENTS = (
    "t-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
FILES = (
    ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
)
PLACES = {  # where the files of a data set lie when no root is given
    "mnist": (Path("data/raw/MNIST/raw"),),
    "fashion-mnist": (Path("/usr/share/datasets/fashion-mnist"), Path("data/raw/FashionMNIST/raw")),
}


def embedded(root: Path | None, params: PrepareDataParams, seed: int) -> Source:
    """The first 10,000 training images of MNIST, shipped with the package:
    8,000 to train, 2,000 to test.
    """
    with (
        resources.as_file(resources.files("ssavl.datasets") / "mnist-10k.npz") as path,
        np.load(path) as archive,
    ):
        images, labels = archive["x"], archive["y"]
    return stored(params, images, labels, (8000, 2000), DIGITS)


def official(root: Path | None, params: PrepareDataParams, seed: int) -> Source:
    """``mnist`` or ``fashion-mnist`` from the four official files, plain or gzipped.

    Args:
        root: the folder that holds the files, or one that torchvision filled; by default the usual
            places, and, where the files are in none of them, torchvision's download into
            ``data/raw``.

    Raises:
        UserError: files that are missing, cut, or no IDX; a download that failed.
    """
    folder = _folder(params.dataset, root)
    train_files, test_files = FILES
    train_images, train_labels = _pair(folder, *train_files)
    test_images, test_labels = _pair(folder, *test_files)
    images = np.concatenate([train_images, test_images])
    labels = np.concatenate([train_labels, test_labels])
    counts = (len(train_images), len(test_images))
    classes = DIGITS if params.dataset == "mnist" else GARMENTS
    return stored(params, images, labels, counts, classes)


def read_idx(path: Path) -> NDArray[np.uint8]:
    """The array in an IDX file of unsigned bytes, gzipped when its name ends in ``.gz``.

    Raises:
        UserError: a file that is cut short or no such IDX.
    """
    packed = path.suffix == ".gz"
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            zeros, kind, dimensions = struct.unpack(">HBB", file.read(4))
            if zeros != 0 or kind != 8 or dimensions not in (1, 3):
                raise UserError(
                    f"{path} is no IDX file of unsigned bytes with 1 or 3 dimensions: fetch it "
                    "again"
                )
            shape = struct.unpack(f">{dimensions}I", file.read(4 * dimensions))
            count, size = math.prod(shape), path.stat().st_size
            if not 0 < count <= (unpacks(size) if packed else size):
                raise UserError(
                    f"{path} is cut short, or no IDX file: it says that it has {count} bytes, in "
                    f"{size}: fetch it again"
                )
            content = file.read(count + 1)  # one more, to see that there is none
    except (struct.error, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{path} is no IDX file or cut short ({error}): fetch it again") from None
    if len(content) != count:
        raise UserError(
            f"{path} is cut short, or too long: it does not have the {count} bytes that it says: "
            "fetch it again"
        )
    return np.frombuffer(content, np.uint8).reshape(shape)


def _folder(name: str, root: Path | None) -> Path:
    candidates = [root] if root is not None else list(PLACES[name])
    torchvision_folder = "MNIST" if name == "mnist" else "FashionMNIST"
    if root is not None:
        candidates.append(root / torchvision_folder / "raw")
    for folder in candidates:
        if _find(folder, FILES[0][0]) is not None:
            return folder
    if root is not None:
        state = "does not exist" if not root.is_dir() else f"has no {FILES[0][0]}(.gz)"
        raise UserError(
            f"data folder {root} {state}: give the folder with the four IDX files of {name}"
        )
    return _download(name)


def _download(name: str) -> Path:
    from torchvision import datasets

    dataset = datasets.MNIST if name == "mnist" else datasets.FashionMNIST
    hint = " (Debian: apt-get install dataset-fashion-mnist)" if name == "fashion-mnist" else ""
    try:
        dataset("data/raw", download=True)
    except (RuntimeError, OSError) as error:
        for folder in (PLACES[name][-1], *PLACES[name][-1].parents[:-1]):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()  # torchvision made it before it asked the network
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise UserError(
            f"{name} is not on this machine and its download failed ({reason[:100]}): put the four "
            f"IDX files in a folder and set prepare-data.root{hint}"
        ) from None
    return PLACES[name][-1]


def _find(folder: Path, name: str) -> Path | None:
    for candidate in (folder / name, folder / f"{name}.gz"):
        if candidate.is_file():
            return candidate
    return None


def _pair(
    folder: Path, image_name: str, label_name: str
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    arrays = []
    for name in (image_name, label_name):
        path = _find(folder, name)
        if path is None:
            raise UserError(f"{folder} has no {name}(.gz): all four IDX files are needed")
        arrays.append(read_idx(path))
    images, labels = arrays
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
        raise UserError(
            f"{folder}: {image_name} {images.shape} does not fit {label_name} {labels.shape}"
        )
    if labels.max() >= len(DIGITS):
        raise UserError(
            f"{folder}: {label_name} has the label {labels.max()}, where classes are 0 to 9: fetch "
            "it again"
        )
    return images, labels
