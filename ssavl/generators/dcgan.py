"""DCGAN-shaped generators (Radford et al. 2016) from nothing but their weights.

The tutorial's network and its clones: transposed convolutions with BatchNorm and ReLU between, tanh
at the end; the first makes a k x k map from one latent vector, each other doubles the side (kernel
4, stride 2, padding 1).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ssavl.errors import UserError
from ssavl.generators.description import Description, Layers
from ssavl.generators.states import State

RUNNER = "weights of a DCGAN"
LAST: dict[str, type[nn.Module]] = {
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "none": nn.Identity,
}


def lacks_statistics(state: State) -> bool:
    """Whether there are BatchNorm weights and no running mean of any."""
    vectors = any(name.endswith("weight") and value.ndim == 1 for name, value in state.items())
    return vectors and not any(name.endswith("running_mean") for name in state)


def assumed(layers: Layers) -> str:
    """What was taken for granted, in words."""
    units = "ReLU" if not layers.slope else f"leaky ReLU of slope {layers.slope:g}"
    last = {"none": "nothing"}.get(layers.last, layers.last)
    return f"{units} between layers, {last} at the end, BatchNorm's epsilon {layers.epsilon:g}"


def require_latents(network: nn.Module, described: Description, path: Path) -> None:
    """Refuse a guess that what is known of the latents contradicts: a decoder of feature maps has
    the same kernels.

    Raises:
        UserError: latents of another size, or with a height and width.
    """
    takes = next(m.in_channels for m in network.modules() if isinstance(m, nn.ConvTranspose2d))
    space, shape = described.latent_space(), described.latent_shape
    flat = shape is None or math.prod(shape) == shape[0]
    if not flat or takes != (space.dim if space is not None else shape[0] if shape else takes):
        told = shape if shape else space
        raise UserError(
            f"{path} looks like a DCGAN that takes {takes} numbers, but its latents are described "
            f"as {told}: it is another network. Give its code as --gan file.py:factory, and the "
            "weights as --weights"
        )


def build(state: State, layers: Layers) -> nn.Sequential | None:
    """The network whose weights these are, or ``None`` where they do not fit a DCGAN's generator.

    Layers come in the order of the file, which is that of the code; where that does not fit
    (safetensors sorts names as text), in the order of the numbers in their names.
    """
    if any(tensor.is_complex() for tensor in state.values()):
        return None
    groups: dict[str, dict[str, Tensor]] = {}
    for key, tensor in state.items():
        prefix, _, name = key.rpartition(".")
        groups.setdefault(prefix, {})[name] = tensor
    network = _chain(list(groups.values()), layers)
    if network is None:
        by_number = sorted(groups, key=lambda prefix: [int(n) for n in re.findall(r"\d+", prefix)])
        network = _chain([groups[prefix] for prefix in by_number], layers)
    return network


def _chain(groups: list[dict[str, Tensor]], told: Layers) -> nn.Sequential | None:
    layers: list[tuple[nn.Module, Mapping[str, Tensor]]] = []
    channels: int | None = None
    convolutions = sum(1 for group in groups if "weight" in group and group["weight"].ndim == 4)
    seen = 0
    for group in groups:
        weight = group.get("weight")
        if weight is not None and weight.ndim == 4:
            inputs, outputs, kernel, other = weight.shape
            first = seen == 0
            if kernel != other or (not first and (kernel != 4 or inputs != channels)):
                return None
            stride, padding = (1, 0) if first else (2, 1)
            layer: nn.Module = nn.ConvTranspose2d(
                inputs, outputs, kernel, stride, padding, bias="bias" in group
            )
            channels = outputs
            seen += 1
        elif "running_mean" in group and seen and len(group["running_mean"]) == channels:
            layer = nn.BatchNorm2d(channels, told.epsilon, affine=weight is not None)
        else:
            return None
        layers.append((layer, group))
    if convolutions < 2 or channels not in (1, 3):
        return None
    return _assemble(layers, told)


def _assemble(layers: list[tuple[nn.Module, Mapping[str, Tensor]]], told: Layers) -> nn.Sequential:
    modules: list[nn.Module] = []
    for index, (layer, group) in enumerate(layers):
        if isinstance(layer, nn.ConvTranspose2d) and index:
            modules.append(nn.LeakyReLU(told.slope) if told.slope else nn.ReLU())
        known: dict[str, Any] = dict(group)
        if isinstance(layer, nn.BatchNorm2d):
            known.setdefault("num_batches_tracked", torch.tensor(0))  # older checkpoints lack it
        layer.load_state_dict(known)
        modules.append(layer)
    return nn.Sequential(*modules, LAST[told.last]())
