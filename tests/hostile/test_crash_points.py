"""A kill at any moment of any command costs nothing, and a signal ends it politely.

Every operation on files is a moment, and every command of the command line is tried.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.commands import call, commands
from tests.conftest import invoke
from tests.hostile.crash import Crashes, Disk, watched

WRITERS = [words for words, _ in commands() if words not in ("methods", "metrics", "params")]
SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
DISK = Disk("written", ".ssavl")
LITTER = (".partial", ".lock", ".new")


@pytest.fixture
def command(
    request: pytest.FixtureRequest, laid_out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Result]:
    """Runs a command, always the same, in a folder with all that it reads."""
    words = request.param
    own = dict(commands())[words]
    shutil.copytree(laid_out, tmp_path / "place")
    monkeypatch.chdir(tmp_path / "place")
    DISK.clear()
    arguments = call(words, own)
    if "checkpoint_seconds" in {parameter.name for parameter in own.params}:
        arguments += ["--checkpoint-seconds", "0"]
    return lambda: invoke(*arguments)


every_writer = pytest.mark.parametrize("command", WRITERS, indirect=True)


def left() -> dict[str, object]:
    """What a command has left: outputs with their bytes, and the names of what serves later runs.

    A record says how long a run took and where it was resumed: that much may differ.
    """
    found: dict[str, object] = dict(DISK.files())
    for name, content in found.items():
        if name.endswith("run.json"):
            assert isinstance(content, bytes)
            record = json.loads(content)
            found[name] = {**record, "seconds": None, "resumed_from": None}
        elif name.startswith(".ssavl") and name.endswith(".pt"):
            found[name] = "a state"
    return found


def undisturbed(command: Callable[[], Result]) -> dict[str, object]:
    result = command()
    assert result.exit_code == 0, result.output
    found = left()
    assert not [name for name in found if name.endswith(LITTER)]
    return found


@every_writer
def test_after_a_kill_at_any_moment_the_same_command_gives_the_same(
    command: Callable[[], Result],
) -> None:
    expected = undisturbed(command)
    DISK.clear()
    crashes = Crashes(DISK)
    with watched(crashes.take):
        assert command().exit_code == 0
    assert left() == expected
    assert crashes.operations["os.rename"] >= 1
    assert crashes.operations["fsync"] >= 1
    assert crashes.operations["torn write"] >= 1
    for operation, files in crashes.states.values():
        DISK.put_back(files)
        result = command()
        said = f"killed before {operation}, with {sorted(files)}\n{result.output}"
        assert result.exit_code == 0, said
        assert left() == expected, said


@every_writer
def test_a_signal_ends_it_in_one_line_without_litter(
    command: Callable[[], Result],
) -> None:
    """Three moments, first to last, a signal each: which one it is decides nothing but the
    status.
    """
    expected = undisturbed(command)
    DISK.clear()
    count = 0

    def counted(operation: str) -> None:
        nonlocal count
        count += operation != "torn write"

    with watched(counted):
        command()
    for moment, (signum, status) in zip((0, count // 2, count - 1), SIGNALS.items(), strict=True):
        DISK.clear()
        seen = 0

        def sent(operation: str, moment: int = moment, signum: int = signum) -> None:
            nonlocal seen
            if operation != "torn write":
                seen += 1
                if seen == moment + 1:
                    os.kill(os.getpid(), signum)

        with watched(sent):
            result = command()
        assert result.exit_code == status, result.output
        said = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
        assert len(said) == 1, result.output
        assert "Traceback" not in result.output
        assert not [name for name in DISK.files() if name.endswith(LITTER)], result.output
        again = command()
        assert again.exit_code == 0, again.output
        assert left() == expected
