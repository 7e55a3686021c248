"""``prepare-data``: from whatever holds the images to one memory-mapped array."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ssavl.datasets.prepared import write_prepared
from ssavl.datasets.readers import read_source
from ssavl.params.stages import Params
from ssavl.storage.files import locked


def prepare_data(params: Params, out: Path) -> dict[str, Any]:
    """Write ``images.npy``, ``labels.npy`` and ``manifest.json``; return the manifest.

    Raises:
        UserError: whatever is wrong with the images.
    """
    source = read_source(params.prepare_data, params.seed)
    with locked(out):
        return write_prepared(source, out, params.prepare_data.validation)
