"""The resume state of a run: two files, and what of the process belongs to it."""

from __future__ import annotations

import io
import pickle
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ssavl.storage.files import write_bytes

STATE, PREVIOUS = "state.pt", "previous.pt"


def write(folder: Path, state: Mapping[str, Any]) -> None:
    """Write a state; the one before it is kept, should this one turn out damaged."""
    last = folder / STATE
    buffer = io.BytesIO()  # a full disk must be an OSError, which torch.save to a file is not
    torch.save(dict(state), buffer)
    write_bytes(last.with_suffix(".new"), buffer.getvalue())
    if last.exists():
        last.replace(folder / PREVIOUS)
    last.with_suffix(".new").replace(last)


def read(folder: Path, device: torch.device) -> tuple[Path, dict[str, Any]] | None:
    """The last state in a folder that can be read, and its file; ``None`` where there is none."""
    for name in (STATE, PREVIOUS):
        path = folder / name
        if not path.exists():
            continue
        try:
            return path, torch.load(path, map_location=device, weights_only=True)
        except (RuntimeError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile):
            print(f"{path} is damaged; trying the state before it", file=sys.stderr)
    return None


def of_process(rng: torch.Generator) -> dict[str, Any]:
    """Where every generator of random numbers stands, and the number of threads.

    Losses draw from ``rng`` and, through ``rsample``, from torch's global ones; nothing of ours
    draws from Python's or NumPy's.
    """
    return {
        "threads": torch.get_num_threads(),
        "rng": rng.get_state(),
        "torch_rng": torch.get_rng_state(),
        "cuda_rng": [torch.cuda.get_rng_state(index) for index in cuda_devices(rng.device)],
    }


def restore_process(state: Mapping[str, Any], rng: torch.Generator) -> None:
    """Put them back. Threads too: sums in another order are other numbers."""
    torch.set_num_threads(state["threads"])
    rng.set_state(state["rng"].cpu())
    torch.set_rng_state(state["torch_rng"].cpu())
    for index, own in zip(cuda_devices(rng.device), state["cuda_rng"], strict=True):
        torch.cuda.set_rng_state(own.cpu(), index)


def cuda_devices(device: torch.device) -> list[int]:
    """Indices of the GPUs whose global generators a run on ``device`` draws from."""
    return [device.index or 0] if device.type == "cuda" else []
