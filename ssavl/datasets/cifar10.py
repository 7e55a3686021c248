"""CIFAR-10 (Krizhevsky 2009), from its binary files or from those for Python."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssavl.datasets.source import Source
from ssavl.datasets.stored import stored
from ssavl.errors import UserError, first_line
from ssavl.params.stages import PrepareDataParams

CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32
TRAIN = tuple(f"data_batch_{n}" for n in range(1, 6))
TEST = "test_batch"
BINARY, PYTHON = "cifar-10-batches-bin", "cifar-10-batches-py"
WHERE = "https://www.cs.toronto.edu/~kriz/cifar.html"


def source(root: Path | None, params: PrepareDataParams, seed: int) -> Source:
    """50,000 images to train on in five files, and 10,000 to test on in one.

    Args:
        root: the unpacked folder of either version, or the folder that holds it.

    Raises:
        UserError: no root, files that are missing, cut, or something else.
    """
    folder, suffix = _folder(root)
    names = [folder / f"{name}{suffix}" for name in (*TRAIN, TEST)]
    missing = [path.name for path in names if not path.is_file()]
    if missing:
        raise UserError(f"{folder} has no {', '.join(missing)}: unpack all of CIFAR-10 there")
    read = _binary if suffix else _pickled
    images, labels = zip(*map(read, names), strict=True)
    parts = sum(map(len, images[:-1])), len(images[-1])
    return stored(params, images, np.concatenate(labels), parts, CLASSES, seed)


def _folder(root: Path | None) -> tuple[Path, str]:
    if root is None:
        raise UserError(f"cifar10 needs prepare-data.root, the folder of {BINARY} ({WHERE})")
    for folder in (root, root / BINARY, root / PYTHON):
        if (folder / f"{TEST}.bin").is_file():
            return folder, ".bin"
        if (folder / TEST).is_file():
            return folder, ""
    raise UserError(
        f"data folder {root} has neither {BINARY} nor {PYTHON}: unpack "
        f"cifar-10-binary.tar.gz there ({WHERE})"
    )


def _checked(path: Path, pixels: NDArray[np.uint8], labels: NDArray[Any]) -> tuple[Any, Any]:
    if not len(labels) or labels.min() < 0 or labels.max() >= len(CLASSES):
        raise UserError(f"{path} has no labels from 0 to 9, so it is no CIFAR-10: fetch it again")
    return pixels.reshape(-1, *SHAPE), labels.astype(np.int64)


def _binary(path: Path) -> tuple[Any, Any]:
    """A byte of class and 3,072 of pixels for each image."""
    if path.stat().st_size % (PIXELS + 1):
        raise UserError(f"{path} is cut short, or no batch of CIFAR-10: fetch it again")
    rows = np.fromfile(path, np.uint8).reshape(-1, PIXELS + 1)
    return _checked(path, np.ascontiguousarray(rows[:, 1:]), rows[:, 0])


ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): np.zeros(0).__reduce__()[0],
    ("numpy._core.multiarray", "_reconstruct"): np.zeros(0).__reduce__()[0],
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class _Arrays(pickle.Unpickler):
    """Reads what the official pickles hold, NumPy arrays in a dictionary, and runs nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode"):
            return _latin
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no batch holds")
        return ALLOWED[module, name]


def _latin(text: str, coding: str) -> bytes:
    """How Python 3 pickles the bytes of an array for Python 2."""
    if coding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"its bytes are coded as {coding[:40]}")
    return text.encode("latin-1")


def _pickled(path: Path) -> tuple[Any, Any]:
    try:
        found = _Arrays(io.BytesIO(path.read_bytes()), encoding="bytes").load()
        told = {key.decode() if isinstance(key, bytes) else key: found[key] for key in found}
        pixels, labels = np.asarray(told["data"]), np.asarray(told["labels"])
        if pixels.dtype != np.uint8 or pixels.shape != (len(labels), PIXELS):
            raise ValueError(f"data are {pixels.dtype} {pixels.shape}")
    except (ArithmeticError, AttributeError, EOFError, ImportError, LookupError, MemoryError,
            TypeError, ValueError, pickle.UnpicklingError) as error:  # fmt: skip
        raise UserError(
            f"{path} is no batch of CIFAR-10 ({first_line(error)}): fetch it again, or take the "
            f"binary version ({WHERE})"
        ) from None
    return _checked(path, pixels, labels)
