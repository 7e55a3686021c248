"""What an iteration leaves for the next."""

from __future__ import annotations

from torch import Tensor, nn


class Memory(nn.Module):
    """Named tensors that a training remembers: a controller's integral, targets, centres.

    THE RULE: what an iteration leaves for the next is a buffer of a module. The resume state holds
    modules, optimisers and random states, so whatever else a loss remembers is lost in a kill, in
    silence. Assign as to any buffer: ``memory.integral = memory.integral + error``.

    Args:
        tensors: by name, with their first values; sizes are fixed.
    """

    def __init__(self, **tensors: Tensor) -> None:
        super().__init__()
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)

    def __setattr__(self, name: str, value: Tensor | nn.Module) -> None:
        """Assign without history.

        Raises:
            AttributeError: not one of the tensors.
            ValueError: of another shape or type, which a resumed run would turn into the first.
        """
        own = self._buffers.get(name)
        if own is None and name not in self.__dict__:
            raise AttributeError(f"the memory has no tensor '{name}'")
        if own is not None and isinstance(value, Tensor):
            if (value.shape, value.dtype) != (own.shape, own.dtype):
                kinds = [f"{tuple(tensor.shape)} of {tensor.dtype}" for tensor in (own, value)]
                raise ValueError(f"'{name}' is {kinds[0]}, not {kinds[1]}")
            value = value.detach()
        super().__setattr__(name, value)

    def __getattr__(
        self, name: str
    ) -> Tensor:  # a memory holds tensors alone, and types can say so
        tensor = super().__getattr__(name)
        assert isinstance(tensor, Tensor)
        return tensor
