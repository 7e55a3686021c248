"""Exponential moving averages of modules' weights."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class Averages:
    """Averages of some modules, after each iteration that trains them.

    Args:
        modules: of the run, by name.
        decay: by the name of a module; one that is not named has no average.
    """

    def __init__(self, modules: Mapping[str, nn.Module], decay: Mapping[str, float]) -> None:
        self.modules = modules
        self.averaged = {
            name: AveragedModel(
                modules[name], multi_avg_fn=get_ema_multi_avg_fn(own), use_buffers=False
            )
            for name, own in decay.items()
        }

    def __getitem__(self, name: str) -> nn.Module:
        """The averaged weights of a module, or the module itself where no average is kept."""
        return self.averaged[name].module if name in self.averaged else self.modules[name]

    def follow(self, trained: Collection[str]) -> None:
        """Take the present weights of those that were trained into account."""
        for name, average in self.averaged.items():
            if name in trained:
                average.update_parameters(self.modules[name])

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain data."""
        return {name: average.state_dict() for name, average in self.averaged.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Be what :meth:`state_dict` was taken of."""
        for name, average in self.averaged.items():
            average.load_state_dict(state[name])
