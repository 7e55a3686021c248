"""Half-written files: a dead process's are removed, a living one's never."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from ssavl.storage.files import atomic, locked, write_bytes
from ssavl.storage.partial import ENDING, discard, sweep
from ssavl.storage.tables import open_table
from tests.processes import ROOT

HALF = """
import sys, time
from pathlib import Path
from ssavl.storage.files import atomic
with atomic(Path("f")) as file:
    file.write(b"half")
    file.flush()
    print("written", flush=True)
    sys.stdin.read()
"""
OPENERS: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "file": lambda: atomic(Path("g")),
    "table": lambda: open_table(Path("g.csv")),
    "folder": lambda: locked(Path()),
}


def writer() -> subprocess.Popen[bytes]:
    """A process in the middle of writing ``f``."""
    process = subprocess.Popen(
        [sys.executable, "-c", HALF],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"written\n"
    return process


@pytest.mark.parametrize("kind", OPENERS)
def test_the_dead_leave_nothing_and_the_living_keep_theirs(kind: str) -> None:
    alive = writer()
    dead = writer()
    dead.kill()
    dead.communicate()
    assert len(list(Path().glob(f"*{ENDING}"))) == 2
    with OPENERS[kind]():
        pass
    assert len([path for path in Path().iterdir() if path.name.startswith(".f.")]) == 1
    alive.communicate(b"")
    assert alive.returncode == 0
    assert Path("f").read_bytes() == b"half"
    assert not list(Path().glob(f"*{ENDING}"))


def test_what_looks_alike_is_left_alone(tmp_path: Path) -> None:
    kept = [".f.original", "f.12345678.partial", ".f.partial", ".f.UPPER123.partial"]
    for name in kept:
        Path(name).write_bytes(b"theirs")
    Path("elsewhere").write_bytes(b"theirs")
    Path(".f.abcd1234.partial").symlink_to("elsewhere")
    sweep(Path())
    assert {path.name for path in Path().iterdir()} == {
        *kept,
        "elsewhere",
        ".f.abcd1234.partial",
    }


def test_a_folder_loses_its_name_before_its_files(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("scratch").mkdir()
    Path("scratch/state.pt").write_bytes(b"state")

    class Killed(BaseException):
        pass

    def kill(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", kill)
        with pytest.raises(Killed):
            discard(Path("scratch"))
    assert not Path("scratch").exists()
    assert len(list(Path().glob(f".*{ENDING}"))) == 1
    sweep(Path())
    assert not [path for path in Path().iterdir() if path.name.endswith(ENDING)]


def test_the_longest_name_that_a_file_can_have_is_written() -> None:
    for name in ("x" * 255, "é" * 127):
        write_bytes(Path(name), b"content")
        assert Path(name).read_bytes() == b"content"
    assert len(list(Path().iterdir())) == 2


def test_a_write_that_fails_takes_the_folders_along_that_it_made() -> None:
    with pytest.raises(ZeroDivisionError), atomic(Path("a/b/c")):
        raise ZeroDivisionError
    assert not list(Path().iterdir())
