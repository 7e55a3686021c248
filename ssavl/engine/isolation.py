"""Work that leaves the caller's process as it found it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from threading import RLock
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


# torch's global generators and its default dtype are one for all threads: who sets them must be
# alone, else one gives back what another has set
_ALONE = RLock()


@contextmanager
def isolated(device: torch.device, seed: int | None = None) -> Iterator[None]:
    """Run a block with torch's global state as ours, and give the caller's back.

    Random states, the number of threads, the default dtype and device, autocast, the gradient and
    the inference mode: a library that someone imports has no business in any of them. Inside, the
    dtype is float32, the default device is the CPU, gradients are on and autocast is off. Threads
    take turns.

    Args:
        device: whose global generator is kept, beside the CPU's.
        seed: of torch's global generators inside; ``None`` leaves them where they stand.
    """
    with _ALONE, ExitStack() as entered:
        threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
        entered.enter_context(torch.random.fork_rng(cuda_devices(device)))
        entered.enter_context(torch.inference_mode(False))
        entered.enter_context(torch.enable_grad())
        entered.enter_context(exact())
        for kind in {"cpu", device.type}:
            if torch.is_autocast_enabled(kind):
                entered.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":
            entered.enter_context(torch.device("cpu"))
        torch.set_default_dtype(torch.float32)
        try:
            if seed is not None:
                torch.manual_seed(seed)
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
