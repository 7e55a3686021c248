"""Projects of one's own: what `ssavl init` writes, from every study that the package brings."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import yaml

from ssavl.params.file import load_params, with_recipe
from ssavl.projects.init import CONFIG, VERSION
from ssavl.projects.studies import NAMES, STUDIES, home
from tests.conftest import invoke
from tests.processes import ROOT, run


@pytest.mark.parametrize("study", STUDIES)
def test_a_project_stands_by_itself(study: str) -> None:
    """What no stage writes is there, and the parameters are the study's."""
    assert invoke("init", "own", "--study", study).exit_code == 0
    own = Path("own")
    assert load_params(own / "params.yaml") == load_params(ROOT / home(study) / "params.yaml")
    stages = yaml.safe_load((own / "dvc.yaml").read_text())["stages"]
    needed = {dep for stage in stages.values() for dep in stage.get("deps", [])}
    assert {dep for dep in needed if dep != "data" and not dep.startswith(("data/", "${"))} <= {
        path.name for path in own.iterdir()
    }
    assert all(
        section.split(".")[0] in with_recipe(own / "params.yaml")
        for s in stages.values()
        for section in s.get("params", [])
    )
    assert "{" not in (own / "README.md").read_text()


@pytest.mark.parametrize("name", ["params.yaml", "README.md", ".dvc/config"])
def test_nothing_is_overwritten(name: str) -> None:
    there = Path("own", name)
    there.parent.mkdir(parents=True)
    there.write_text("mine")
    result = invoke("init", "own")
    assert result.exit_code == 1
    assert (
        result.stderr == f"Error: {there} exists, and nothing is overwritten: name another folder\n"
    )
    assert [path for path in Path("own").rglob("*") if path.is_file()] == [there]


def test_a_wheel_brings_every_study() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert wheel["targets"]["wheel"]["force-include"] == {
        str(home(study) / name): f"ssavl/studies/{study}/{name}"
        for study in STUDIES
        for name in NAMES
        if (ROOT / home(study) / name).exists()
    }
    assert {path.parent.name for path in (ROOT / "pipelines").glob("*/params.yaml")} < set(STUDIES)


def test_the_help_lists_the_studies() -> None:
    text = invoke("init", "--help").output
    assert all(f"{name:<14} {about}" in text for name, about in STUDIES.items())


def test_a_project_is_configured_like_the_repository() -> None:
    assert CONFIG.format(scm="") == (ROOT / ".dvc/config").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("git", [False, True])
def test_a_project_runs_with_git_and_without(git: bool) -> None:
    if git:
        run("git", "init", "-q", cwd=Path())
    invoke("init", "own")
    text = Path("own", VERSION).read_text()
    assert text == run("ssavl", "--version", cwd=Path()).stdout
    done = run("dvc", "repro", "prepare-data", cwd=Path("own"))
    assert "Running stage 'prepare-data'" in done.stdout
    assert "didn't change" in run("dvc", "repro", "prepare-data", cwd=Path("own")).stdout
    if git:
        tracked = run("git", "status", "--porcelain", "-uall", cwd=Path("own")).stdout
        assert "data/prepared" not in tracked
