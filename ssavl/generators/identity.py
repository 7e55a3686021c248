"""All files that make a generator what it is.

A run that resumes and an encoder that is used must know when one of them is another. The weights
alone do not say it: see :func:`files`.
"""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path
from typing import Any

from ssavl.generators.description import description_path
from ssavl.generators.onnx import external_data
from ssavl.generators.protocol import Generator
from ssavl.generators.source import GeneratorSource, Source
from ssavl.storage.weights import weights_hash

PACKAGES = tuple(Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "stdlib"))


def files(source: Source) -> dict[str, Path]:
    """Files whose content decides, by role; asked after the generator was loaded, since only then
    it is known what its code imports.

    The file itself, the weights of a factory, the ``.gan.yaml`` beside them, what describes
    safetensors, the data of an ONNX graph that lie outside it, and of code each module that lies
    below its folder and was imported.

    Raises:
        UserError: a file that does not exist.
    """
    found = source.files()
    beside = description_path(source.path)
    if beside.is_file():
        found["description"] = beside
    path = source.path
    if path.suffix == ".safetensors" and (config := path.with_suffix(".json")).is_file():
        found["config"] = config
    if path.suffix == ".onnx":
        found |= {f"data {place.name}": place for place in external_data(path)}
    if isinstance(source, GeneratorSource) and source.factory is not None:
        found |= _modules(source.factory[0])
    return found


def settings(source: Source, generator: Generator) -> dict[str, Any]:
    """What else decides, for a run's identity: the flags, and how a generator that is not ours is
    called after all that was found out of it.
    """
    told = getattr(generator, "described", lambda: None)()
    own = source.settings()
    if told is None:
        return own
    found = {"called": told, "weights": weights_hash(generator)}  # type: ignore[arg-type]
    return {"gan": {**own.get("gan", {}), **found}}


def _modules(name: str) -> dict[str, Path]:
    """The imported modules below the folder of a factory's code, libraries left out."""
    if name.endswith(".py"):
        folder = Path(name).resolve().parent
    else:
        top = getattr(sys.modules.get(name.partition(".")[0]), "__file__", None)
        if top is None:
            return {}
        folder = Path(top).resolve().parent
    found = {}
    for module in list(sys.modules.values()):
        place = getattr(module, "__file__", None)
        if not isinstance(place, str) or not place.endswith(".py"):
            continue
        path = Path(place)
        if not (path.is_absolute() and path.is_file()):  # torch names some that are nowhere
            continue
        path = path.resolve()
        if path.is_relative_to(folder) and not any(map(path.is_relative_to, PACKAGES)):
            found[f"code {path.relative_to(folder)}"] = path
    return dict(sorted(found.items()))
