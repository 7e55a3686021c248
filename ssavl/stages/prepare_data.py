"""``prepare-data``: from whatever holds the images to one memory-mapped array."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ssavl.datasets.prepared import write_prepared
from ssavl.datasets.readers import read_source
from ssavl.params.stages import Params
from ssavl.storage.files import locked, scratch_folder


def prepare_data(params: Params, out: Path, workers: int = 0) -> dict[str, Any]:
    """Write ``images.npy``, ``labels.npy`` and ``manifest.json``; return the manifest.

    Args:
        workers: processes that decode files, beside this one; the result is the same.

    Raises:
        UserError: whatever is wrong with the images.
    """
    source = read_source(params.prepare_data, params.seed)
    key = [params.of("prepare_data"), source.mark, list(source.parts), str(out.resolve())]
    with locked(out):
        scratch = scratch_folder("prepare-data", key)
        return write_prepared(source, out, params.prepare_data.validation, scratch, workers)
