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
        if name in self._buffers and isinstance(value, Tensor):
            value, own = value.detach(), self._buffers[name]
            assert own is not None
            if (value.shape, value.dtype) != (own.shape, own.dtype):
                raise ValueError(f"'{name}' is {tuple(own.shape)} of {own.dtype}")
        elif name not in self.__dict__:
            raise AttributeError(f"the memory has no tensor '{name}'")
        super().__setattr__(name, value)

    def __getattr__(
        self, name: str
    ) -> Tensor:  # a memory holds tensors alone, and types can say so
        tensor = super().__getattr__(name)
        assert isinstance(tensor, Tensor)
        return tensor
