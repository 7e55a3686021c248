"""What can go wrong through no fault of the program."""

from __future__ import annotations

from collections.abc import Iterable
from reprlib import Repr


class UserError(Exception):
    """Bad input or a bad environment. The message is one line: the cause, then what to do."""


class BadOption(UserError):
    """An option of the command line has a value that it does not take; exit status 2."""


class Interrupted(Exception):
    """A signal asked the program to stop; the run was saved.
    The shell's exit status is 128 + ``signum``.
    """

    def __init__(self, signum: int, message: str) -> None:
        super().__init__(message)
        self.signum = signum


def shown(value: object, length: int = 60) -> str:
    """A value in a message: however large it is, in few characters and no time."""
    try:
        text = _SHORT.repr(value)
    except ValueError:  # a whole number of more digits than Python prints
        text = f"a {type(value).__name__} of very many digits"
    return text if len(text) <= length else f"{text[: length - 3]}..."


def few(words: Iterable[str], most: int = 5, between: str = ", ") -> str:
    """The first of many words, and how many more there are."""
    words = list(words)
    more = len(words) - most
    return between.join(words[:most]) + (f" and {more} more" if more > 0 else "")


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there was no memory left; torch has no common class for it."""
    said = str(error)[:10_000]
    return isinstance(error, MemoryError) or "out of memory" in said or "allocate memory" in said


def first_line(error: BaseException, length: int = 120) -> str:
    """The first line of an error's message, or its class's name where there is none."""
    return (str(error).strip()[:10_000].splitlines() or [type(error).__name__])[0][:length]


_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60
