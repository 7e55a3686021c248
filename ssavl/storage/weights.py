"""What the weights of a network are, in sixteen digits."""

from __future__ import annotations

import hashlib

import torch
from torch import nn


def weights_hash(network: nn.Module) -> str:
    """SHA-256 over names, shapes and bytes of every parameter and buffer; sixteen digits of it."""
    total = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        total.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        total.update(
            tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes()
        )
    return total.hexdigest()[:16]
