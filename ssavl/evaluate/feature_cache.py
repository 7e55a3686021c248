"""Features of real images, kept between measurements: they do not change with the generator."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from ssavl.errors import first_line
from ssavl.storage.files import digest, scratch_folder, write_bytes
from ssavl.storage.tensors import UNREADABLE, load_safetensors


class FeatureCache:
    """One file per identity: whatever the features depend on must be in it.

    torch-fidelity has a cache, but knows its entries by names alone and reads them as pickles.

    Args:
        folder: by default the ``.ssavl`` of resume states.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def path(self, identity: Mapping[str, Any]) -> Path:
        """Where features with this identity are, or would be."""
        if self.folder is None:
            return scratch_folder("features", identity).with_suffix(".safetensors")
        return self.folder / f"features-{digest(identity)}.safetensors"

    def read(self, identity: Mapping[str, Any]) -> dict[str, Tensor] | None:
        """The tensors by name; ``None`` where there are none, or, which it says, a damaged file."""
        path = self.path(identity)
        if not path.is_file():
            return None
        try:
            return load_safetensors(path)
        except UNREADABLE as error:
            print(
                f"{path} is damaged ({first_line(error)}); extracting features anew",
                file=sys.stderr,
            )
            return None

    def write(self, identity: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Keep tensors by name."""
        write_bytes(self.path(identity), save(dict(tensors)))
