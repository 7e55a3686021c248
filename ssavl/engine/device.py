"""Where tensors live and in which precision networks compute."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import nn

from ssavl.errors import UserError, first_line

BACKEND = "inductor"  # PyTorch's own compiler

Module = TypeVar("Module", bound=nn.Module)


@dataclass(frozen=True)
class Compute:
    """A device and a precision.

    Attributes:
        device: where parameters and batches live.
        bf16: whether networks run under bfloat16 autocast; losses and densities stay in float32.
        compiled: whether networks in training are compiled.
    """

    device: torch.device
    bf16: bool
    compiled: bool = False

    def autocast(self) -> AbstractContextManager[object]:
        """The context in which networks are called."""
        return torch.autocast(self.device.type, torch.bfloat16) if self.bf16 else nullcontext()

    def place(self, module: Module) -> Module:
        """The module on the device, channels last, which its convolutions are fastest in.

        A module can say otherwise by an attribute ``memory_format``.
        """
        layout = getattr(module, "memory_format", torch.channels_last)
        return module.to(self.device, memory_format=layout)  # type: ignore[call-overload]

    def generator(self, seed: int) -> torch.Generator:
        """A seeded random generator on the device."""
        return torch.Generator(self.device).manual_seed(seed)

    @property
    def kind(self) -> dict[str, str]:
        """What of it decides a run's bits."""
        own = {"device": self.device.type, "precision": "bf16" if self.bf16 else "float32"}
        return {**own, "compiled": BACKEND} if self.compiled else own

    def describe(self) -> dict[str, str | int]:
        """What ``run.json`` says of it."""
        name = (
            torch.cuda.get_device_name(self.device)
            if self.device.type == "cuda"
            else self.device.type
        )
        return {**self.kind, "device": name, "threads": torch.get_num_threads()}


def set_exactness(tf32: bool, deterministic: bool) -> tuple[bool, bool]:
    """Set how cuDNN computes convolutions in float32; what was set before.

    Its default rounds their inputs to ten bits (TF32) and picks among algorithms that add in
    another order at each call. Then an image depends on its batch by .0007, which looks like a
    BatchNorm in training mode, and no run repeats another.
    """
    cudnn = torch.backends.cudnn
    before = cudnn.allow_tf32, cudnn.deterministic
    cudnn.allow_tf32, cudnn.deterministic = tf32, deterministic
    return before


@contextmanager
def exact() -> Iterator[None]:
    """A block in which float32 is float32 on a GPU too, and the same each time."""
    before = set_exactness(tf32=False, deterministic=True)
    try:
        yield
    finally:
        set_exactness(*before)


def choose(
    device: str | None = None, precision: str | None = None, compiled: bool = False
) -> Compute:
    """The compute for a device (``auto``, ``cpu``, ``cuda:1``) and a precision (``auto``,
    ``float32``, ``bf16``).

    ``None`` reads ``SSAVL_DEVICE`` and ``SSAVL_PRECISION``, which keep a DVC stage's command the
    same on every machine, else ``auto``: the GPU where there is one, bfloat16 where the hardware
    multiplies in it.

    Args:
        compiled: whether networks in training are compiled: on CUDA, and elsewhere where
            ``SSAVL_COMPILE`` says so.

    Raises:
        UserError: a device that this machine has not, an unknown precision, or a compiler for
            something else than CUDA.
    """
    device = device or os.environ.get("SSAVL_DEVICE") or "auto"
    precision = precision or os.environ.get("SSAVL_PRECISION") or "auto"
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        chosen = torch.device(device)
        torch.Generator(chosen)  # which a device without numbers, meta say, has not
        torch.empty(1, device=chosen)
    except (RuntimeError, AssertionError, ValueError, TypeError) as error:
        raise UserError(
            f"device '{device}' cannot be used here ({first_line(error, 100)}): try auto or cpu"
        ) from None
    if precision not in ("auto", "float32", "bf16"):
        raise UserError(f"precision '{precision}' is unknown: auto, float32 or bf16")
    if compiled and chosen.type != "cuda" and os.environ.get("SSAVL_COMPILE", "") in ("", "0"):
        raise UserError(
            f"--compile is for CUDA, and this run is on {chosen.type}: leave it out, or set "
            "SSAVL_COMPILE=1 to compile here all the same"
        )
    able = _multiplies_bf16(chosen)
    if precision == "bf16" and chosen.type == "cpu" and not able:
        print(
            "precision bf16: this processor does not multiply in it (no AMX, no avx512_bf16), "
            "and is 2 to 3 times slower than in float32, which auto would take",
            file=sys.stderr,
        )
    bf16 = precision == "bf16" or (precision == "auto" and able)
    return Compute(chosen, bf16, compiled)


def _multiplies_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))
    return False
