"""ssavl: give it any generator, frozen, and without one real image it learns the encoder that it
never had.

From Python: ``model = ssavl.load("data/encoders")``, ``z = model.encode(images)``,
``x = model.decode(z)``; see :mod:`ssavl.model`, which is imported when it is first asked for,
because it brings torch along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ssavl.version import __version__

if TYPE_CHECKING:
    from ssavl.model import Model, load

__all__ = ["Model", "__version__", "load"]


def __getattr__(name: str) -> Any:
    if name in ("Model", "load"):
        from ssavl import model

        return getattr(model, name)
    raise AttributeError(f"module 'ssavl' has no attribute {name!r}")
