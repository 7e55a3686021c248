"""Work that leaves the caller's process as it found it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import torch

from ssavl.engine.device import Compute, exact
from ssavl.engine.state import cuda_devices


class Computing(Protocol):
    """Something that knows where it computes."""

    compute: Compute


Owner = TypeVar("Owner", bound=Computing)
P = ParamSpec("P")
R = TypeVar("R")


@contextmanager
def isolated(device: torch.device, seed: int | None = None) -> Iterator[None]:
    """Run a block with torch's global state as ours, and give the caller's back.

    Random states, the number of threads, the default dtype and the gradient mode: a library that
    someone imports has no business in any of them. Inside, the dtype is float32 and gradients are
    on.

    Args:
        device: whose global generator is kept, beside the CPU's.
        seed: of torch's global generators inside; ``None`` leaves them where they stand.
    """
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    with torch.random.fork_rng(cuda_devices(device)), torch.enable_grad(), exact():
        torch.set_default_dtype(torch.float32)
        if seed is not None:
            torch.manual_seed(seed)
        try:
            yield
        finally:
            torch.set_default_dtype(dtype)
            if torch.get_num_threads() != threads:
                torch.set_num_threads(threads)


def apart(method: Callable[Concatenate[Owner, P], R]) -> Callable[Concatenate[Owner, P], R]:
    """A method that leaves the caller's process as it found it."""

    @wraps(method)
    def run(owner: Owner, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with isolated(owner.compute.device):
            return method(owner, *args, **kwargs)

    return run


class Stream:
    """A stream of torch's global random numbers of one's own.

    ``rsample`` of ``torch.distributions`` draws from the global generators and takes no other. A
    block inside :meth:`drawing` draws from this stream instead, and the caller's does not move.

    Args:
        device: that distributions live on.
        seed: where it starts.
    """

    def __init__(self, device: torch.device, seed: int) -> None:
        self.device = device
        with torch.random.fork_rng(cuda_devices(device)):
            torch.manual_seed(seed)
            self._cpu, self._cuda = torch.get_rng_state(), self._cuda_states()

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Draw from the stream, from where it was left."""
        with torch.random.fork_rng(cuda_devices(self.device)):
            torch.set_rng_state(self._cpu)
            for index, own in zip(cuda_devices(self.device), self._cuda, strict=True):
                torch.cuda.set_rng_state(own, index)
            yield
            self._cpu, self._cuda = torch.get_rng_state(), self._cuda_states()

    def _cuda_states(self) -> list[torch.Tensor]:
        return [torch.cuda.get_rng_state(index) for index in cuda_devices(self.device)]
