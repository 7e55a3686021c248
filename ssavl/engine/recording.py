"""Iterations that a GPU records once and plays again: CUDA graphs.

A small network's iteration is hundreds of calls of microseconds each, and the CPU needs longer to
make one than the GPU to run it. Recorded, all of them are one call. The numbers are the same, bit
for bit: the same kernels, the same draws.

What is recorded is a whole iteration, since its phases may hand tensors to each other. Iterations
whose phases say that the same is done in them (``Phase.varies``) share a recording. One that makes
the CPU wait for the GPU, or copies from the host, cannot be recorded; that is seen while it runs
step by step, and said once.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ssavl.errors import UserError, first_line

Told = Sequence[tuple[str, dict[str, Tensor]]]  # for each update its phase and its terms

MOST = 16  # recordings of an act: each keeps its activations
SYNCHRONISES = "called a synchronizing CUDA operation"


def wanted() -> bool:
    """Whether iterations are recorded at all: not where ``SSAVL_GRAPHS`` is 0."""
    return os.environ.get("SSAVL_GRAPHS", "1") != "0"


@dataclass
class Recorder:
    """Recordings of an act's iterations.

    Attributes:
        device: a GPU.
        rng: what losses draw from, beside torch's own.
    """

    device: torch.device
    rng: torch.Generator
    recorded: dict[Hashable, tuple[torch.cuda.CUDAGraph, Told]] = field(default_factory=dict)
    seen: set[Hashable] = field(default_factory=set)
    impossible: bool = False

    def play(self, key: Hashable, iterate: Callable[[], Told]) -> Told:
        """An iteration, as a recording where there is one.

        Args:
            key: of equal ones.
            iterate: it, step by step.

        Returns:
            What it tells; the tensors are the next iteration's too.
        """
        if key in self.recorded:
            graph, told = self.recorded[key]
            graph.replay()
            return told
        if self.impossible or len(self.recorded) == MOST:
            return iterate()
        if key in self.seen:
            return self._record(key, iterate)
        self.seen.add(key)
        return self._watch(iterate)

    def _watch(self, iterate: Callable[[], Told]) -> Told:
        """An iteration step by step, on a stream of its own, as those that come before a recording
        must be; whether the CPU waits in it.
        """
        stream = torch.cuda.Stream(self.device)
        stream.wait_stream(torch.cuda.current_stream(self.device))
        mode = torch.cuda.get_sync_debug_mode()
        with torch.cuda.stream(stream), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            try:
                told = iterate()
            finally:
                torch.cuda.set_sync_debug_mode(mode)
        torch.cuda.current_stream(self.device).wait_stream(stream)
        waits = [one for one in caught if SYNCHRONISES in str(one.message)]
        for one in caught:
            if one not in waits:
                warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
        if waits:
            self.impossible = True
            place = f"{waits[0].filename}:{waits[0].lineno}"
            print(f"iterations run step by step: the CPU waits in {place}", file=sys.stderr)
        return told

    def _record(self, key: Hashable, iterate: Callable[[], Told]) -> Told:
        """An iteration, recorded and then played.

        Raises:
            UserError: something in it cannot be recorded, and was not seen before.
        """
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self.rng)
        others = [own for own, _ in self.recorded.values()]
        torch.cuda.synchronize(self.device)
        try:
            with torch.cuda.graph(graph, pool=others[0].pool() if others else None):
                told = iterate()
        except RuntimeError as error:
            raise UserError(
                f"the GPU cannot record an iteration ({first_line(error, 200)}): set "
                "SSAVL_GRAPHS=0, and the same command goes on step by step"
            ) from None
        self.recorded[key] = graph, told
        graph.replay()
        return told
