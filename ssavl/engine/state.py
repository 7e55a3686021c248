"""The resume state of a run: two files, and what of the process belongs to it."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ssavl.errors import UserError, first_line
from ssavl.storage import tensors
from ssavl.storage.files import write_bytes

STATE, PREVIOUS = "state.pt", "previous.pt"


def write(folder: Path, state: Mapping[str, Any]) -> None:
    """Write a state; the one before it is kept, should this one turn out damaged."""
    last, new = folder / STATE, folder / "state.new"
    keep(new, state)
    if last.exists():
        last.replace(folder / PREVIOUS)
    new.replace(last)


def keep(path: Path, state: Mapping[str, Any]) -> None:
    """Write a state into a file of its own."""
    buffer = io.BytesIO()  # a full disk must be an OSError, which torch.save to a file is not
    torch.save(dict(state), buffer)
    write_bytes(path, buffer.getvalue())


def load(path: Path, device: torch.device, *, mapped: bool = False) -> dict[str, Any] | None:
    """The state in a file; ``None`` where there is none, or, which it says, a damaged one.

    Args:
        mapped: whether tensors stay in the file until somebody looks at them.
    """
    try:
        return dict(tensors.load(path, device, mapped=mapped))
    except FileNotFoundError:
        return None
    except OSError:  # a disk that fails, a file of somebody else's
        raise
    except Exception as error:  # a pickle that was cut or flipped ends in any of them
        print(f"{path} is damaged ({first_line(error, 80)}): passed over", file=sys.stderr)
        return None


def read(
    folder: Path, start: Path | None, device: torch.device
) -> tuple[Path, dict[str, Any]] | None:
    """The last state in a folder that can be read, else that of ``start``, with its file; ``None``
    where there is none.

    Raises:
        UserError: ``start`` is none.
    """
    for path in (folder / STATE, folder / PREVIOUS):
        if (found := load(path, device)) is not None:
            return path, found
    if start is None:
        return None
    if (found := load(start, device)) is None:
        raise UserError(f"{start} holds no state of a run")
    return start, found


@contextmanager
def belonging(path: Path) -> Iterator[None]:
    """Put back the state in ``path``; what does not fit is another run's, said in one line.

    Raises:
        UserError: it does not.
    """
    try:
        yield
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(
            f"{path} is no state of this run ({first_line(error)}): name another, or delete it "
            "to start anew"
        ) from None


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
