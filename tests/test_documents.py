"""Tables of the documents are what the committed files say."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The documents and the files that their tables are made of."""
    for pattern in (
        "README.md",
        "docs/*.md",
        "docs/tables/*.py",
        "benchmarks/README.md",
        "benchmarks/*.json",
        "benchmarks/signatures/results/*.json",
        "data/evaluate/*.json",
        "pipelines/*/*.json",
    ):
        for path in ROOT.glob(pattern):
            target = tmp_path / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    return tmp_path


def tables(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / "docs/tables"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_documents_say_what_their_files_say(copy: Path) -> None:
    checked = tables(copy, "--check")
    assert checked.returncode == 0, checked.stdout


def test_another_number_in_a_file_is_seen_and_written(copy: Path) -> None:
    path = copy / "data/evaluate/metrics.json"
    metrics = json.loads(path.read_text())
    metrics["ssavl"]["accuracy"] = 0.1234
    path.write_text(json.dumps(metrics))
    checked = tables(copy, "--check")
    assert checked.returncode == 1
    assert checked.stdout.count("is not what its files say") == 2  # README and reproduction
    assert tables(copy).returncode == 0
    assert "| .1234 |" in (copy / "README.md").read_text()
    assert tables(copy, "--check").returncode == 0


def test_a_number_without_a_source_is_seen(copy: Path) -> None:
    readme = copy / "README.md"
    readme.write_text(readme.read_text() + "\n| | accuracy |\n|---|---|\n| ours | .999 |\n")
    checked = tables(copy, "--check")
    assert checked.returncode == 1
    assert "no marker says which file" in checked.stdout
