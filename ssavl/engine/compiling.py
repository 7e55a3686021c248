"""Networks that are compiled while they are trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import nn

from ssavl.engine import device
from ssavl.engine.memory import Memory
from ssavl.errors import UserError, first_line


@contextmanager
def compiled(modules: Iterable[nn.Module], compute: device.Compute) -> Iterator[None]:
    """A block in which a call of these modules is compiled, if the compute says so.

    They are compiled in place, so names of weights stay; afterwards they are as they were. Each
    shape gets code of its own: code for any shape would depend on which shapes came before, and a
    resumed run sees fewer.

    Raises:
        UserError: the compiler fails.
    """
    if not compute.compiled:
        yield
        return
    from torch._dynamo.exc import TorchDynamoException  # seconds, for those who compile alone

    networks = [module for module in modules if not isinstance(module, Memory)]
    for module in networks:
        module.compile(backend=device.BACKEND, dynamic=False)
    try:
        yield
    except TorchDynamoException as error:
        cause = getattr(error, "inner_exception", error)
        raise UserError(
            f"--compile: the compiler fails ({first_line(cause, 200)}): leave it out, or see that "
            "this machine has what it needs (Triton for a GPU, a C++ compiler for a CPU)"
        ) from None
    finally:
        for module in networks:
            module._compiled_call_impl = None
