"""``prepare-data``: from whatever holds the images to one memory-mapped array."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ssavl.datasets.prepared import write_prepared
from ssavl.datasets.readers import read_source
from ssavl.params.stages import Params
from ssavl.storage.files import digest, locked


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
        scratch = _beside(out) / f"prepare-data-{digest(key)}"
        return write_prepared(source, out, params.prepare_data.validation, scratch, workers)


def _beside(out: Path) -> Path:
    """Where what is under way lies: on the disk that has room for it, that of ``out``, and outside
    of it where that can be, because DVC deletes outputs before it runs a stage.
    """
    around = out.resolve().parent
    one_disk = around.stat().st_dev == out.stat().st_dev
    return (around if one_disk and os.access(around, os.W_OK) else out) / ".ssavl"
