"""What is likely wrong with a stranger's network, by what happened when it was called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ssavl.latents.space import LatentSpace
from ssavl.networks.layout import layout

CONDITIONAL = "conditional? Describe each input as a block (separate: true) in its .gan.yaml"
INDEX = "it wants class indices? Make them of a one-hot block in code around it: y.argmax(1)"


def of_error(error: Exception, network: nn.Module, space: LatentSpace) -> str:
    """Why a network may have refused latents, before the advice to set their size; empty where
    nothing points anywhere.
    """
    text = " ".join(str(error).split())
    if isinstance(error, TypeError) and "missing" in text and "argument" in text:
        return f"{CONDITIONAL}; or "
    if re.search(r"ind(ex|ices)\b.*(Long|Int|int64)|scalar types? Long|one_hot is only", text):
        return f"{INDEX}; or "
    wanted = first_width(network)
    if wanted is None or wanted == space.dim:
        return ""
    said = f"its first layer takes {wanted}, not the {space.dim} described"
    return f"{said}: {CONDITIONAL}; or " if wanted > space.dim else f"{said}: "


def of_output(x: Any, probes: int) -> str:
    """What a network gave that are no images, and what to do."""
    wrap = "wrap it in code that returns them alone"
    if isinstance(x, tuple | list):
        places = [i for i, part in enumerate(x) if isinstance(part, Tensor) and part.ndim == 4]
        where = f"its images are number {places[0]}? " if places else ""
        return f"a {type(x).__name__} of {len(x)}: {where}{wrap}"
    if isinstance(x, Mapping):
        return f"a {type(x).__name__} with {', '.join(map(str, list(x)[:5]))}: {wrap}"
    if not isinstance(x, Tensor):
        fields = ", ".join(list(vars(x))[:5]) if hasattr(x, "__dict__") else ""
        return f"a {type(x).__name__}{f' with {fields}' if fields else ''}: {wrap}"
    shape = f"{x.dtype} {tuple(x.shape)}".removeprefix("torch.")
    if x.is_complex():
        return f"{shape}: a spectrum? Images are real numbers"
    if len(x) != probes:
        return f"{shape} for {probes} latents: it must give one image for each"
    if x.ndim == 2 or (x.ndim == 3 and x.shape[1] <= 2) or (x.ndim == 4 and 1 in x.shape[2:]):
        return f"{shape}: signals of one dimension? Images are (1 or 3, height, width)"
    if x.ndim == 3:
        return f"{shape}: grey images without a channel? Add one: x[:, None]"
    if x.ndim == 4 and x.shape[3] in (1, 3):
        return f"{shape}: channels last? Give x.permute(0, 3, 1, 2)"
    if x.ndim == 4 and x.shape[1] not in (1, 3):
        return f"{shape}: images have 1 or 3 channels; of {x.shape[1]}, choose or drop some"
    return f"{shape}, not (1 or 3, height, width) for each of {probes} latents: {wrap}"


def of_shape(shape: tuple[int, int, int]) -> str | None:
    """Why images ``(C, H, W)`` cannot be read by our encoders, or ``None``."""
    _, height, width = shape
    if height != width:
        return f"rectangles of {height} x {width}: crop or pad them to squares in code around it"
    try:
        layout(shape, 1)
    except ValueError as error:
        return str(error)
    return None


def of_range(low: float, high: float) -> str:
    """What to do about pixels that leave their range."""
    if low < -1.5 and high > 1.5 and max(-low, high) < 100:
        return "logits? Add its sigmoid or tanh in code around it, or set --output-range LOW HIGH"
    if low > -0.5 and 200 < high < 256:
        return "grey levels? --output-range 0 255"
    return "set --output-range LOW HIGH"


def first_width(network: nn.Module) -> int | None:
    """Numbers that the first layer takes."""
    for module in network.modules():
        if isinstance(module, nn.Linear):
            return module.in_features
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            return module.in_channels
    return None


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    """Whether two networks have equal parameters and buffers."""
    ours, theirs = one.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(
        torch.equal(value, theirs[name]) for name, value in ours.items()
    )
