"""From ``params.yaml`` to a source, and from a word or a path to images with known factors."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

from ssavl.datasets.factor_table import FactorTable
from ssavl.datasets.factors import FactorImages
from ssavl.datasets.source import Source
from ssavl.errors import UserError
from ssavl.params.stages import PrepareDataParams

Reader = Callable[[Path | None, PrepareDataParams, int], Source]

READERS = {  # of ssavl.params.data_sets.DATA_SETS: module and function
    "mnist-10k": "mnist:embedded",
    "mnist": "mnist:official",
    "fashion-mnist": "mnist:official",
    "cifar10": "cifar10:source",
    "celeba": "celeba:source",
    "imagenet": "imagenet:source",
    "imagenet-64": "imagenet_64:source",
    "dsprites": "dsprites:source",
    "rooms": "rooms:source",
    "shapes3d": "shapes3d:source",
    "chairs": "chairs:source",
    "faces-3d": "faces_3d:source",
    "folder": "folder:source",
}
# those whose factors are known: their modules have `factor_images`
FACTORS = ("dsprites", "rooms", "shapes3d", "chairs", "faces-3d", "celeba")
FILES = {".npz": "dsprites", ".h5": "shapes3d", ".pth": "faces-3d"}  # each by its own name alone


def read_source(params: PrepareDataParams, seed: int) -> Source:
    """The data set that the parameters name.

    Raises:
        UserError: whatever its reader finds wrong.
    """
    reader: Reader = getattr(_module(params.dataset), READERS[params.dataset].split(":")[1])
    return reader(Path(params.root) if params.root is not None else None, params, seed)


def read_factor_images(
    spec: str, root: Path | None, image_shape: tuple[int, int, int]
) -> FactorImages:
    """Images with known factors.

    Args:
        spec: a data set of :data:`FACTORS`; the official file of one, or for dSprites its folder;
            or a ``.csv`` of files and factors.
        root: of a data set, its official files; of a ``.csv``, the folder that its files are
            relative to, its own when ``None``.
        image_shape: that the images are fitted to.

    Raises:
        UserError: none of these, or whatever the reader finds wrong.
    """
    path = Path(spec)
    name = spec if spec in FACTORS else FILES.get(path.suffix)
    if name is None and path.is_dir():
        name = "dsprites"
    if name is not None:
        found: FactorImages = _module(name).factor_images(
            root if spec == name else path, image_shape
        )
        return found
    if path.suffix == ".csv":
        return FactorTable(path, root, image_shape)
    raise UserError(
        f"{spec} has no factors that can be read: name {', '.join(FACTORS)}, an official file "
        f"({', '.join(FILES)}), or a .csv of factors"
    )


def _module(name: str) -> ModuleType:
    """That of a data set; none is imported before it is asked for."""
    return import_module(f"ssavl.datasets.{READERS[name].split(':')[0]}")
