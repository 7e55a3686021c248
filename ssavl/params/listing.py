"""Every parameter with its meaning, its range and its default, from the models themselves."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ssavl.errors import UserError
from ssavl.params.stages import Params

KINDS = {"integer": "whole number", "number": "number", "boolean": "true or false"}
LIMITS = {
    "minimum": "{} or more",
    "exclusiveMinimum": "above {}",
    "maximum": "{} at most",
    "exclusiveMaximum": "below {}",
    "minItems": "{} of them or more",
}


@dataclass(frozen=True)
class Parameter:
    """One parameter.

    Attributes:
        key: dotted, as ``--set`` takes it.
        takes: what values it takes, in words.
        value: that of the parameters at hand.
    """

    key: str
    takes: str
    default: Any
    value: Any
    meaning: str


def listing(params: Params, section: str = "") -> list[Parameter]:
    """The parameters of a section, or of all.

    Args:
        params: whose values are listed.
        section: a key or the beginning of several, such as ``train-gan.real_clusters``.

    Raises:
        UserError: no parameter is called so, with the nearest that is.
    """
    schema = Params.model_json_schema(by_alias=True)
    defaults, values = (one.model_dump(mode="json", by_alias=True) for one in (Params(), params))
    every = list(_below(schema, schema["$defs"], defaults, values, ""))
    found = [one for one in every if not section or f"{one.key}.".startswith(f"{section}.")]
    if not found:
        known = {one.key[: len(one.key) - cut] for one in every for cut in _cuts(one.key)}
        nearest = difflib.get_close_matches(section, sorted(known), n=1, cutoff=0.5)
        hint = f"; did you mean '{nearest[0]}'?" if nearest else ""
        raise UserError(f"there is no parameter '{section:.80}'{hint}")
    return found


def _cuts(key: str) -> Iterator[int]:
    """How many last characters to leave out for a key, and for each section around it."""
    yield 0
    yield from (len(key) - at for at, letter in enumerate(key) if letter == ".")


def _below(
    schema: Mapping[str, Any],
    shared: Mapping[str, Any],
    defaults: Mapping[str, Any],
    values: Mapping[str, Any],
    prefix: str,
) -> Iterator[Parameter]:
    for name, own in schema["properties"].items():
        whole = _resolved(own, shared)
        key, default, value = f"{prefix}{name}", defaults[name], values[name]
        if "properties" in whole:
            yield from _below(whole, shared, default, value, f"{key}.")
        else:
            yield Parameter(key, _takes(whole), default, value, own.get("description", ""))


def _resolved(own: Mapping[str, Any], shared: Mapping[str, Any]) -> Mapping[str, Any]:
    """A part of a schema, or what it refers to."""
    reference = own.get("$ref") or next((one.get("$ref") for one in own.get("allOf", [])), None)
    return shared[reference.rpartition("/")[2]] if reference else own


def _takes(schema: Mapping[str, Any]) -> str:
    """What values a parameter takes, in words."""
    if "anyOf" in schema:
        return " or ".join(_takes(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    kind = schema.get("type")
    limits = [text.format(schema[name]) for name, text in LIMITS.items() if name in schema]
    if kind == "array":
        some = schema.get("items") or schema.get("prefixItems", [{}])[0]
        limits = [] if "prefixItems" in schema else limits
        count = f"{len(schema['prefixItems'])} of " if "prefixItems" in schema else ""
        return ", ".join([f"list, {count}{_takes(some)}", *limits])
    if kind == "object":
        inner = schema.get("additionalProperties")
        return f"mapping, name: {_takes(inner)}" if isinstance(inner, dict) else "mapping"
    return ", ".join([KINDS.get(str(kind), "null" if kind == "null" else "text"), *limits])
