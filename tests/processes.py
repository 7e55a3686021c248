"""Real processes: the command as users and DVC start it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
STUDY = ("dvc.yaml", "params.yaml", "recipe.yaml", ".dvcignore", ".gitignore", "ssavl")


def environment() -> dict[str, str]:
    """The environment of a test, with this interpreter's programs first and one thread per
    process.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    git = {
        f"GIT_{role}_{what}": "test@example.org"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    return {**os.environ, **git, "PATH": path, "OMP_NUM_THREADS": "1", "DVC_NO_ANALYTICS": "1"}


def run(*command: str | Path, cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run to the end and capture both streams."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if check and done.returncode:
        raise AssertionError(
            f"{command} exited with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        )
    return done


def start(*command: str | Path, cwd: Path) -> subprocess.Popen[str]:
    """Start in a process group of its own, as a terminal does."""
    return subprocess.Popen(
        [str(part) for part in command],
        cwd=cwd,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def tiny_repository(folder: Path, overrides: list[str]) -> Path:
    """A git and DVC repository with the default study's own files and tiny parameters."""
    import yaml

    from ssavl.params.file import load_params

    params = load_params(ROOT / "params.yaml", [o for o in overrides if o != "--set"])
    text = yaml.safe_dump(params.model_dump(mode="json", by_alias=True), sort_keys=False)
    return repository(folder, text)


def repository(folder: Path, params: str) -> Path:
    """A git and DVC repository with the default study's own files, but for ``params.yaml``."""
    folder.mkdir()
    for name in STUDY:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    (folder / ".dvc").mkdir()
    shutil.copy(ROOT / ".dvc/config", folder / ".dvc/config")
    shutil.copy(ROOT / ".dvc/.gitignore", folder / ".dvc/.gitignore")
    (folder / "params.yaml").write_text(params)
    run("git", "init", "-q", cwd=folder)
    run("git", "add", "-A", cwd=folder)
    run("git", "commit", "-qm", "study", cwd=folder)
    return folder
