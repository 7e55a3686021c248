"""Optimisers by name: a module's, or a phase's own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from ssavl.params.shared import OptimisationParams


@dataclass(frozen=True)
class Optimiser:
    """How parameters are moved, where an act's own way is not right.

    Attributes:
        rate: of the act's learning rate, a factor.
        betas: of Adam; ``None`` is the act's. SGD's momentum is the first.
        kind: of algorithm.
        decay: decoupled weight decay (Adam) or L2 penalty.
    """

    rate: float = 1.0
    betas: tuple[float, float] | None = None
    kind: Literal["adam", "rmsprop", "sgd"] = "adam"
    decay: float = 0.0

    def build(
        self, modules: Iterable[nn.Module], optimisation: OptimisationParams, device: torch.device
    ) -> torch.optim.Optimizer:
        """It, over the parameters of some modules; what two of them share is moved once."""
        parameters = list(dict.fromkeys(p for module in modules for p in module.parameters()))
        rate: float | Tensor = self.rate * optimisation.learning_rate
        on_gpu = device.type == "cuda"
        if on_gpu:  # where a recorded iteration finds it
            rate = torch.tensor(rate, device=device)
        betas = self.betas or optimisation.adam_betas
        match self.kind:
            case "sgd":
                return torch.optim.SGD(
                    parameters, rate, betas[0], weight_decay=self.decay, fused=on_gpu or None
                )
            case "rmsprop":
                return torch.optim.RMSprop(
                    parameters, rate, weight_decay=self.decay, capturable=on_gpu
                )
            case "adam":
                adam = torch.optim.AdamW if self.decay else torch.optim.Adam
                fused = device.type in ("cpu", "cuda")
                return adam(
                    parameters,
                    rate,
                    betas=betas,
                    weight_decay=self.decay,
                    fused=fused,
                    capturable=on_gpu,
                )
