"""The arithmetic of a step, and the rate that this machine does arithmetic at."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

CONVOLUTIONS = ("aten.convolution", "aten.convolution_backward", "aten._convolution")


def rates(device: str = "cpu") -> dict[str, float]:
    """GFLOP/s in float32: the best of a few convolutions, and a matrix product."""
    convolution = 0.0
    for batch, inputs, outputs, side in ((64, 16, 32, 14), (64, 64, 128, 16), (128, 32, 64, 14)):
        for layout in (torch.contiguous_format, torch.channels_last):
            x = torch.randn(batch, inputs, side, side, device=device)
            w = torch.randn(outputs, inputs, 4, 4, device=device)
            x, w = (own.contiguous(memory_format=layout) for own in (x, w))
            work = 2 * batch * outputs * (side // 2) ** 2 * inputs * 16
            found = work / _seconds(lambda x=x, w=w: F.conv2d(x, w, None, 2, 1))
            convolution = max(convolution, found)
    a, b = torch.randn(2, 1024, 1024, device=device)
    product = 2 * 1024**3 / _seconds(lambda: a @ b)
    return {"convolution": round(convolution / 1e9, 1), "product": round(product / 1e9, 1)}


@torch.no_grad()
def _seconds(call: Callable[[], object]) -> float:
    for _ in range(5):
        call()
    times = []
    for _ in range(30):
        began = time.perf_counter()
        call()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return min(times)


def flops(what: str, milliseconds: float, rate: dict[str, float]) -> dict[str, float]:
    """GFLOP of one step of ours, and the share of the peak that it runs at.

    The peak is the rate of convolutions, which is the higher where this machine's matrix products
    are slow; counted on PyTorch's own layers, since a counter does not know ours.
    """
    import contenders

    from ssavl.networks import bilinear, dense, flat, strided

    kept = bilinear.plain
    for module in (bilinear, dense, flat, strided):
        module.plain = lambda: True
    try:
        step = contenders.ours(what)
        step()
        with FlopCounterMode(display=False) as counter:
            step()
    finally:
        for module in (bilinear, dense, flat, strided):
            module.plain = kept
    work = counter.get_total_flops() / 1e9
    share = work / (milliseconds / 1000) / max(rate.values())
    return {"gflop": round(work, 3), "peak": round(share, 3)}
