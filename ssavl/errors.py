"""What can go wrong through no fault of the program."""

from __future__ import annotations


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


def first_line(error: BaseException, length: int = 120) -> str:
    """The first line of an error's message, or its class's name where there is none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:length]
