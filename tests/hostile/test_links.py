"""Whatever a link in the way of an output leads to stays as it is.

The commands come from the command line itself and the outputs from a run of each, so that a new
command, or a new file of an old one, is covered without a new test.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands import call, commands
from tests.conftest import invoke

PRECIOUS = b"not ours\n"
LINKS: dict[str, Callable[[Path, Path], None]] = {
    "hard": lambda target, link: os.link(target, link),
    "symbolic": lambda target, link: link.symlink_to(target),
}


@pytest.mark.parametrize("words", [words for words, _ in commands() if words != "init"])
def test_no_output_is_written_through_a_link(
    laid_out: Path, tmp_path: Path, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "place"
    shutil.copytree(laid_out, root)
    monkeypatch.chdir(root)
    arguments = call(words, dict(commands())[words])
    assert invoke(*arguments).exit_code == 0
    outputs = [path for path in Path("written").rglob("*") if path.is_file()]
    precious = tmp_path / "precious"
    for link in LINKS.values():
        shutil.rmtree(".ssavl", ignore_errors=True)
        precious.write_bytes(PRECIOUS)
        for path in outputs:
            path.unlink()
            link(precious, path)
        result = invoke(*arguments)
        assert result.exit_code == 0, result.output
        assert precious.read_bytes() == PRECIOUS
        for path in outputs:
            assert not path.is_symlink(), path
            assert path.read_bytes() != PRECIOUS, path


def test_a_second_file_is_written_only_where_someone_named_it(data: Path, tmp_path: Path) -> None:
    shutil.copy(data / "prepared/images.npy", "own.npy")
    Path("x.csv").write_bytes(PRECIOUS)
    result = invoke("reconstruct", "own.npy", "-o", "x.npy")
    assert result.exit_code == 0, result.output
    assert Path("x.csv").read_bytes() == PRECIOUS
    result = invoke("reconstruct", "own.npy", "-o", "x.npy", "--errors", "x.csv")
    assert result.exit_code == 0, result.output
    assert Path("x.csv").read_text().startswith("name,file,mse\n")
