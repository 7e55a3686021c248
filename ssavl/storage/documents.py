"""Documents that describe something, in JSON or YAML: read within bounds, plain data alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import yaml

from ssavl.errors import UserError, first_line
from ssavl.storage.plain import DEPTH, ENTRIES, require_plain

JSON_BYTES = 32 << 20
YAML_BYTES = 1 << 18  # PyYAML reads some 100 KB a second
LONGEST_NUMBER = 100  # characters of a number or a date


def read_json(path: Path) -> Any:
    """The JSON document in a file.

    Raises:
        UserError: no such file, not JSON, or more than plain data.
    """
    content = _content(path, JSON_BYTES)
    try:
        value = json.loads(content, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else first_line(error)
        raise UserError(
            f"{path} is not JSON ({reason}): it was cut or edited; make it anew"
        ) from None
    require_plain(value, path)
    return value


def read_yaml(path: Path, remedy: str = "") -> Any:
    """The YAML document in a file; ``None`` where it is empty.

    Args:
        remedy: what to do where there is no such file.

    Raises:
        UserError: no such file, not YAML, or more than plain data.
    """
    try:
        text = _content(path, YAML_BYTES, remedy).decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not YAML: {error}") from None
    return parse_yaml(text, path)


def parse_yaml(text: str, origin: object) -> Any:
    """A YAML document. Aliases are values as others are, and count wherever they stand.

    Args:
        origin: what holds it, for messages.

    Raises:
        UserError: not YAML, or more than plain data.
    """
    loader = None
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _require_bounded(node)
        value = loader.construct_document(node)
    except RecursionError:
        raise UserError(f"{origin} is nested more than {DEPTH} deep") from None
    except (yaml.YAMLError, ValueError, OverflowError, TypeError) as error:
        raise UserError(f"{origin} is not YAML: {' '.join(str(error).split())[:300]}") from None
    finally:
        if loader is not None:
            loader.dispose()
    require_plain(value, origin)
    return value


def _content(path: Path, most: int, remedy: str = "") -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist{f': {remedy}' if remedy else ''}") from None
    if len(content) > most:
        raise UserError(f"{path} has more than {most >> 10} KiB: nothing of ssavl's kind has")
    return content


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _require_bounded(node: yaml.Node) -> None:
    """Refuse what would take long to construct: a merge copies what its alias stands for.

    Raises:
        ValueError: too much, too deep, a part of itself, or a number that nobody writes.
    """
    waiting, left = [(node, 0)], ENTRIES
    while waiting:
        own, depth = waiting.pop()
        left -= 1
        if left < 0:
            raise ValueError(f"with its aliases it holds more than {ENTRIES} values")
        if depth > DEPTH:
            raise ValueError(f"it is nested more than {DEPTH} deep, or a part of itself")
        if isinstance(own, yaml.ScalarNode):
            if not own.tag.endswith(":str") and len(own.value) > LONGEST_NUMBER:
                raise ValueError(f"a number of {len(own.value)} characters: {own.value[:20]}...")
        else:
            waiting += [(inner, depth + 1) for inner in _inside(own)]


def _inside(node: yaml.Node) -> Iterator[yaml.Node]:
    for entry in node.value:
        if isinstance(entry, tuple):
            yield from entry
        else:
            yield entry
