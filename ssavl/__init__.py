"""ssavl: give it any generator, frozen, and without one real image it learns the encoder that it
never had.

From Python: ``model = ssavl.fit(network, latent_dim=100)``, ``z = model.encode(images)``,
``x = model.decode(z)``; docs/python.md has the rest. Every name is imported when it is first asked
for, because most bring torch along.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ssavl.version import __version__

if TYPE_CHECKING:
    from ssavl.errors import UserError
    from ssavl.face.fit import fit
    from ssavl.face.generator import load_generator
    from ssavl.face.load import load
    from ssavl.face.train import train
    from ssavl.generators.source import GeneratorSource
    from ssavl.inversion.refinement import Refinement
    from ssavl.latents.priors import Block
    from ssavl.latents.space import LatentSpace
    from ssavl.model import Model
    from ssavl.objectives.likelihood import Likelihood

__all__ = [
    "Block",
    "GeneratorSource",
    "LatentSpace",
    "Likelihood",
    "Model",
    "Refinement",
    "UserError",
    "__version__",
    "fit",
    "load",
    "load_generator",
    "train",
]

_HOMES = {
    "Block": "ssavl.latents.priors",
    "GeneratorSource": "ssavl.generators.source",
    "LatentSpace": "ssavl.latents.space",
    "Likelihood": "ssavl.objectives.likelihood",
    "Model": "ssavl.model",
    "Refinement": "ssavl.inversion.refinement",
    "UserError": "ssavl.errors",
    "fit": "ssavl.face.fit",
    "load": "ssavl.face.load",
    "load_generator": "ssavl.face.generator",
    "train": "ssavl.face.train",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'ssavl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
