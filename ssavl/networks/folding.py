"""A network that stands still, without what BatchNorm does to numbers that a layer could give."""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import TypeVar

from torch import nn
from torch.nn.utils import fuse_conv_bn_eval, fuse_linear_bn_eval

Network = TypeVar("Network", bound=nn.Module)


def folded(network: Network) -> Network:
    """A copy in which each BatchNorm behind a layer is part of that layer's weights.

    In evaluation mode it is one factor and one shift for each channel, so the network computes the
    same, but for rounding, with a pass less over each feature map forth and back. A network that
    has none is returned as it is.

    Args:
        network: in evaluation mode; only layers that follow one another in an ``nn.Sequential``
            are known to.
    """
    if not any(_pairs(part) for part in network.modules()):
        return network
    network = copy.deepcopy(network)
    for part in network.modules():
        for number in _pairs(part):
            layer, norm = part[number], part[number + 1]  # type: ignore[index]
            if isinstance(layer, nn.Linear):
                part[number] = fuse_linear_bn_eval(layer, norm)  # type: ignore[operator]
            else:
                turned = isinstance(layer, nn.ConvTranspose2d)
                part[number] = fuse_conv_bn_eval(layer, norm, turned)  # type: ignore[operator]
            part[number + 1] = nn.Identity()  # type: ignore[operator]
    return network


def _pairs(part: nn.Module) -> list[int]:
    """Where a layer stands before its BatchNorm."""
    if not isinstance(part, nn.Sequential):
        return []
    layers = list(part)
    return [
        number for number, (layer, norm) in enumerate(pairwise(layers)) if _matches(layer, norm)
    ]


def _matches(layer: nn.Module, norm: nn.Module) -> bool:
    """Whether the second is a BatchNorm of what the first gives, with statistics of its own."""
    if isinstance(norm, nn.BatchNorm1d):
        fits = isinstance(layer, nn.Linear)
    else:
        known = isinstance(norm, nn.BatchNorm2d)
        fits = known and isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
    still = not norm.training and not layer.training and not _hooked(layer) and not _hooked(norm)
    own = getattr(norm, "running_mean", None) is not None
    grouped = getattr(layer, "groups", 1) > 1 and isinstance(layer, nn.ConvTranspose2d)
    return fits and still and own and not grouped


def _hooked(module: nn.Module) -> bool:
    """Whether somebody changes what it takes or gives."""
    return bool(module._forward_hooks or module._forward_pre_hooks)
