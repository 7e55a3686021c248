"""DCGAN-shaped generators (Radford et al. 2016) from nothing but their weights.

The tutorial's network and its clones: transposed convolutions with BatchNorm and ReLU between, tanh
at the end; the first makes a k x k map from one latent vector, each other doubles the side (kernel
4, stride 2, padding 1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

State = dict[str, Tensor]


def states(payload: object, path: str = "") -> Iterator[tuple[str, State]]:
    """Every state dict in a checkpoint, with its dotted key;
    ``module.`` prefixes of DataParallel are taken off.
    """
    if not isinstance(payload, Mapping):
        return
    tensors = {
        key: value
        for key, value in payload.items()
        if isinstance(key, str) and isinstance(value, Tensor)
    }
    if tensors:
        yield path, {key.removeprefix("module."): value for key, value in tensors.items()}
    for key, value in payload.items():
        yield from states(value, f"{path}.{key}" if path else str(key))


def build(state: State) -> nn.Sequential | None:
    """The network whose weights these are, or ``None`` where they do not fit a DCGAN's generator.

    Layers come in the order of the file, which is that of the code; where that does not fit
    (safetensors sorts names as text), in the order of the numbers in their names.
    """
    groups: dict[str, dict[str, Tensor]] = {}
    for key, tensor in state.items():
        prefix, _, name = key.rpartition(".")
        groups.setdefault(prefix, {})[name] = tensor
    network = _chain(list(groups.values()))
    if network is None:
        by_number = sorted(groups, key=lambda prefix: [int(n) for n in re.findall(r"\d+", prefix)])
        network = _chain([groups[prefix] for prefix in by_number])
    return network


def _chain(groups: list[dict[str, Tensor]]) -> nn.Sequential | None:
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
            layer = nn.BatchNorm2d(channels, affine=weight is not None)
        else:
            return None
        layers.append((layer, group))
    if convolutions < 2 or channels not in (1, 3):
        return None
    return _assemble(layers)


def _assemble(layers: list[tuple[nn.Module, Mapping[str, Tensor]]]) -> nn.Sequential:
    modules: list[nn.Module] = []
    for index, (layer, group) in enumerate(layers):
        if isinstance(layer, nn.ConvTranspose2d) and index:
            modules.append(nn.ReLU())
        known: dict[str, Any] = dict(group)
        if isinstance(layer, nn.BatchNorm2d):
            known.setdefault("num_batches_tracked", torch.tensor(0))  # older checkpoints lack it
        layer.load_state_dict(known)
        modules.append(layer)
    return nn.Sequential(*modules, nn.Tanh())
