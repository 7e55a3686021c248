"""Parameters from a YAML file, the command line's overrides and its flags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ssavl.errors import UserError, shown
from ssavl.params.section import one_line
from ssavl.params.stages import Params
from ssavl.storage.documents import parse_yaml, read_yaml

RECIPE = "recipe"

MOVED = {
    "train-gan.noise_dim": "latents.noise",
    "train-gan.code_dim": "latents.code",
    "train-gan.code_prior": "latents.code_prior",
    "train-gan.categories": "latents.categories",
    "train-gan.width": "networks.generator.width",
    "train-gan.hidden": "networks.generator.hidden",
    "train-gan.block_gain": "networks.generator.block_gain",
    "train-gan.critic": "networks.critic",
    "train-gan.encoder": "networks.encoder",
    "train-vae": "train",
}


def load_params(
    path: Path | None, overrides: Iterable[str] = (), flags: Mapping[str, Any] | None = None
) -> Params:
    """Parameters from a YAML file, ``key=value`` overrides (dotted keys, YAML values) and flags,
    last one wins.

    A file may name another beside it, ``recipe: NAME``, whose values it goes before: so it holds
    what people turn, and the recipe the rest.

    Args:
        path: the file; ``None`` for the defaults alone.
        overrides: such as ``train-gan.iterations=500``.
        flags: values by dotted key; ``None`` values are not set.

    Raises:
        UserError: no such file, bad YAML, an unknown key (with the nearest known one) or a value
            out of range.
    """
    values = {} if path is None else with_recipe(path)
    origin = str(path) if path is not None else "parameters"
    for override in overrides:
        key, separator, text = override.partition("=")
        if not separator or not key:
            raise UserError(
                f"--set {override!r}: write it as key=value, such as train-gan.iterations=500"
            )
        try:
            _assign(values, key, parse_yaml(text, f"the value of {key:.80}"))
        except UserError as error:
            raise UserError(f"--set {shown(override, 200)}: {error}") from None
    for key, value in (flags or {}).items():
        if value is not None:
            _assign(values, key, value)
    for old, new in MOVED.items():
        if _holds(values, old):
            raise UserError(f"{origin}: {old} is called {new} now")
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        raise UserError(f"{origin}: {one_line(error.errors(), Params)}") from None


def with_recipe(path: Path) -> dict[str, Any]:
    """The values of a file, over those of the recipe that it names."""
    values = _read(path, "name a parameter file, or leave --params out")
    if RECIPE not in values:
        return values
    name = values.pop(RECIPE)
    if not isinstance(name, str) or name != Path(name).name:
        raise UserError(
            f"{path}: recipe = {shown(name)}: name a file beside it, such as {RECIPE}.yaml"
        )
    recipe = path.parent / name
    below = _read(recipe, f"{path} names it as its recipe")
    if RECIPE in below:
        raise UserError(f"{recipe} is a recipe, and names another: put all into one")
    return _merged(below, values)


def _read(path: Path, remedy: str) -> dict[str, Any]:
    """The mapping in a YAML file."""
    values = read_yaml(path, remedy) or {}
    if not isinstance(values, dict):
        raise UserError(f"{path} must hold sections with parameters, not a {type(values).__name__}")
    return values


def _merged(below: dict[str, Any], above: dict[str, Any], top: bool = True) -> dict[str, Any]:
    """Two mappings as one; where both have a value, that of ``above``.

    Empty, a section says nothing; what is empty inside a section is meant: ``survivors: {}``.
    """
    merged = dict(below)
    for name, value in above.items():
        old = merged.get(name)
        if isinstance(old, dict) and isinstance(value, dict) and (top or value):
            value = _merged(old, value, top=False)
        merged[name] = value
    return merged


def _assign(values: dict[str, Any], dotted: str, value: Any) -> None:
    *sections, name = dotted.split(".")
    for section in sections:
        inner = values.setdefault(section, {})
        if not isinstance(inner, dict):
            raise UserError(f"{dotted}: '{section}' is a parameter, not a section")
        values = inner
    values[name] = value


def _holds(values: Any, dotted: str) -> bool:
    for name in dotted.split("."):
        if not isinstance(values, dict) or name not in values:
            return False
        values = values[name]
    return True
