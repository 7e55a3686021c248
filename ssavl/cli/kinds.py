"""Kinds of values that options take.

Each refuses what nothing could be done with, so that click names the option and exits with 2.
"""

from __future__ import annotations

import math
import mimetypes
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

COUNT = click.IntRange(1)

TABLES = (".npz", ".csv", ".parquet")
OURS = (*TABLES, ".npy", ".pt", ".pth", ".pt2", ".ckpt", ".safetensors", ".onnx", ".yaml", ".md")


class Text(click.ParamType):  # type: ignore[type-arg] # no generic before click 8.5
    """Any text but none."""

    name = "text"

    def __init__(self, pattern: str = r"(?s).+", example: str = "some text") -> None:
        self.pattern, self.example = pattern, example

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch(self.pattern, str(value)):
            self.fail(f"{str(value)[:80]!r}: write it like {self.example}", param, ctx)
        return str(value)


class Named(Text):
    """A name and a path."""

    name = "named path"

    def __init__(self, what: str) -> None:
        super().__init__(r"(?s)[^=]+=.+", f"NAME={what}")

    def convert(  # type: ignore[override] # a pair in place of the text
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Path]:
        name, _, path = super().convert(value, param, ctx).partition("=")
        return name, Path(path)


class PathOf(click.Path):
    """A path, there or not.

    Args:
        suffixes: of which it must have one; none for any.
    """

    def __init__(self, *suffixes: str) -> None:
        super().__init__(path_type=Path)
        self.suffixes = suffixes

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        text = str(value)
        if not text or "\0" in text:
            self.fail("a path is needed", param, ctx)
        if self.suffixes and Path(text).suffix.lower() not in self.suffixes:
            self.fail(f"'{text}' must end in {listed(self.suffixes)}", param, ctx)
        return Path(str(super().convert(value, param, ctx)))


class FolderOf(PathOf):
    """A folder to write, new or not.

    Args:
        but: suffixes of files that will do as well.
    """

    def __init__(self, *but: str) -> None:
        super().__init__()
        self.but = but

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = super().convert(value, param, ctx)
        if path.is_dir() or path.suffix.lower() in self.but:
            return path
        wanted = f"a folder, or a {listed(self.but)} file," if self.but else "a folder"
        if path.exists():
            self.fail(f"'{path}' is a file: {wanted} is meant", param, ctx)
        if path.suffix.lower() in OURS or any(mimetypes.guess_type(path.name)):
            self.fail(f"'{path}' is named like a file: {wanted} is meant", param, ctx)
        return path


class Real(click.FloatRange):
    """A finite number in a range."""

    def _describe_range(self) -> str:
        return "a finite number" if self.min is self.max is None else super()._describe_range()

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no finite number", param, ctx)
        return number


class Colour(Text):
    """A colour that Pillow knows."""

    name = "colour"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from ssavl.params.colour import colour

        try:
            return colour(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Method(Text):
    """A method's name; the registry brings torch along, so it is asked only when there is one."""

    name = "method"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from ssavl.errors import UserError
        from ssavl.methods.registry import find

        try:
            find(value)
        except UserError as error:
            self.fail(str(error), param, ctx)
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from ssavl.methods.registry import METHODS

        return [CompletionItem(name) for name in METHODS if name.startswith(incomplete)]


def listed(words: Sequence[str]) -> str:
    """Words as a sentence has them: a, b or c."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


PATH = PathOf()
FOLDER = FolderOf()
PICTURES = FolderOf(".npy")
TABLE = PathOf(*TABLES)
TEXT = Text()
COLOUR = Colour()
ASSIGNMENT = Text(r"(?s)[^=\s][^=]*=.*", "KEY=VALUE, such as train-gan.iterations=500")
ARGUMENT = Text(r"(?s)[^=\s][^=]*=.*", "NAME=VALUE")
SHAPE = Text(r"\s*[1-9]\d{0,5}\s*(,\s*[1-9]\d{0,5}\s*)*", "100,1,1")
DEVICE = Text(r"[a-z]+(:\d+)?", "cpu, cuda or cuda:1")
