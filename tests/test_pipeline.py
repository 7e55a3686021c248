"""The pipeline as it is used: real `dvc repro` and `dvc exp run` in a temporary repository."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import time
from pathlib import Path

import grimp
import pytest
import yaml

from ssavl.evaluate.models import headline
from ssavl.methods.registry import own_params
from ssavl.params.file import load_params, with_recipe
from ssavl.params.stages import Params
from tests.conftest import image_folder, tiny_overrides
from tests.processes import ROOT, repository, run, start, tiny_repository

pytestmark = pytest.mark.slow

STAGES = ["prepare-data", "train-gan", "fit-encoders", "retrain-R", "fit-scratch"]
STAGES += ["evaluate", "render-figures"]
# of stages that are not the file of their name in ssavl/stages
MODULES = {"evaluate": "ssavl.evaluate.models", "fit-scratch": "ssavl.stages.fit_encoders"}


def executed(output: str) -> list[str]:
    return re.findall(r"Running stage '([^']+)'", output)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_every_module_that_it_imports(stage: str) -> None:
    """So that no edit can change a result without DVC noticing."""
    assert "ssavl" in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"][stage]["deps"]
    lines = (ROOT / ".dvcignore").read_text().splitlines()
    ignored = [line.strip("/") for line in lines if line.startswith("/ssavl/")]
    assert ignored
    assert all((ROOT / path).exists() for path in ignored)
    name = MODULES.get(stage, f"ssavl.stages.{stage.replace('-', '_').lower()}")
    for module in grimp.build_graph("ssavl").find_upstream_modules(name) | {name}:
        path = ROOT / module.replace(".", "/")
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        assert not any(file.relative_to(ROOT).is_relative_to(one) for one in ignored), file


def keys(value: object, prefix: str = "") -> set[str]:
    if not isinstance(value, dict) or prefix.endswith(("block_gain.", "survivors.")):
        return {prefix}
    return {key for name, inner in value.items() for key in keys(inner, f"{prefix}{name}.")}


def sections(entry: str | dict[str, list[str]]) -> list[str]:
    """Of an entry of a stage's ``params``."""
    return (
        [entry] if isinstance(entry, str) else [name for names in entry.values() for name in names]
    )


STUDIES = [ROOT, *sorted(path.parent for path in (ROOT / "pipelines").glob("*/params.yaml"))]


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.name)
def test_a_study_names_every_parameter_that_its_stages_read(study: Path) -> None:
    written = with_recipe(study / "params.yaml")
    stages = yaml.safe_load((study / "dvc.yaml").read_text())["stages"]
    read = {
        name.split(".")[0]
        for stage in stages.values()
        for file in stage.get("params", [])
        for name in sections(file)
    }
    known = Params().model_dump(by_alias=True)
    known["methods"] = written.get("methods", {})  # open; the test below looks into it
    assert keys(written) == keys(
        {name: known[name] for name in (*read, "seed", "gan_ckpt", "render-figures")}
    )
    if (study / "recipe.yaml").exists():
        assert all("recipe.yaml" in stage["deps"] for stage in stages.values())


@pytest.mark.parametrize("study", STUDIES[1:], ids=lambda path: path.name)
def test_every_configuration_of_a_study_is_valid_and_in_its_summary(study: Path) -> None:
    content = yaml.safe_load((study / "dvc.yaml").read_text())
    (matrix,) = content["vars"]
    listed = run("dvc", "stage", "list", cwd=study).stdout
    if "systems" in matrix:
        methods = load_params(study / "params.yaml", []).methods
        assert list(methods) == matrix["systems"]
        for name, own in methods.items():
            own_params(name, own)
        assert listed.count("train@") == len(methods) * len(matrix["seeds"])
        for one in matrix["wide"]:
            assert one["name"] == f"{one['method']}-k{one['categories']}"
        assert listed.count("train-wide@") == len(matrix["wide"]) * len(matrix["seeds"])
        return
    if "runs" in matrix:
        for one in matrix["runs"]:
            words = shlex.split(one["flags"])
            assert set(words[::2]) <= {"--set"}
            given = [*words[1::2], f"evaluate-disentanglement.roles={one['roles']}"]
            params = load_params(study / "params.yaml", given)
            own_params(one["method"], params.methods[one["method"]])
        assert listed.count("train@") == len(matrix["runs"]) * len(matrix["seeds"])
        return
    # params.yaml as it stands alone
    configurations = matrix.get("configurations", [{"name": "run", "flags": ""}])
    for configuration in configurations:
        words = shlex.split(configuration["flags"])
        assert set(words[::2]) <= {"--set"}
        load_params(study / "params.yaml", words[1::2])
        for seed in matrix["seeds"]:
            run_folder = f"data/{configuration['name']}-{seed}/evaluate"
            assert (
                f"{configuration['name']}={run_folder}"
                in content["stages"]["summary"]["cmd"].split()
            )
            assert run_folder in content["stages"]["summary"]["deps"]
    assert listed.count("train-gan@") == len(configurations) * len(matrix["seeds"])


@pytest.mark.parametrize("study", STUDIES[1:], ids=lambda path: path.name)
def test_a_study_is_a_project_of_its_own_that_reports_no_metrics(study: Path) -> None:
    """So that neither its thousands of columns nor its stages stand in the tables of another."""
    for name in ("config", ".gitignore"):
        assert (study / ".dvc" / name).read_text() == (ROOT / ".dvc" / name).read_text()
    stages = yaml.safe_load((study / "dvc.yaml").read_text())["stages"]
    assert not [name for name, stage in stages.items() if "metrics" in stage or "wdir" in stage]


def test_the_table_of_experiments_is_narrow(tmp_path: Path) -> None:
    """DVC makes a column of every metric, parameter and dependency in the whole project."""
    folder = repository(tmp_path / "repo", (ROOT / "params.yaml").read_text())
    metrics = json.loads((ROOT / "data/evaluate/metrics.json").read_text())
    (folder / "data/evaluate").mkdir(parents=True)
    (folder / "data/evaluate/headline.json").write_text(json.dumps(headline(metrics)))
    head = run("dvc", "exp", "show", "--csv", cwd=folder).stdout.splitlines()[0].split(",")
    assert {"beta", "train-gan.iterations", "ssavl.accuracy", "ssavl"} <= set(head)
    assert len(head) <= 40


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny study, reproduced once and committed."""
    root = tmp_path_factory.mktemp("pipeline")
    images = image_folder(root / "images")
    folder = tiny_repository(root / "repo", tiny_overrides(prepare_data__root=images))
    done = run("dvc", "repro", cwd=folder)
    assert sorted(executed(done.stdout)) == sorted(STAGES)
    run("git", "add", "-A", cwd=folder)
    run("git", "commit", "-qm", "reproduced", cwd=folder)
    return folder


def test_git_holds_logs_and_metrics_and_dvc_the_rest(tiny: Path) -> None:
    tracked = set(run("git", "ls-files", "data", cwd=tiny).stdout.split())
    records = {
        f"data/{stage}/{name}"
        for stage in ("gan", "encoders", "encoders-r", "encoders-scratch")
        for name in ("log.csv", "run.json")
    }
    measured = ("metrics", "baselines", "confusion", "calibration", "headline")
    assert tracked == records | {f"data/evaluate/{name}.json" for name in measured}
    assert list((tiny / "data/figures").glob("*.png"))
    assert run("git", "status", "--porcelain", cwd=tiny).stdout == ""


def test_a_second_repro_runs_nothing_and_a_single_stage_runs_alone(tiny: Path) -> None:
    assert executed(run("dvc", "repro", cwd=tiny).stdout) == []
    before = (tiny / "data/encoders/encoders.pt").read_bytes()
    assert executed(run("dvc", "repro", "-f", "-s", "fit-encoders", cwd=tiny).stdout) == [
        "fit-encoders"
    ]
    assert (tiny / "data/encoders/encoders.pt").read_bytes() == before
    run("git", "checkout", "-q", ".", cwd=tiny)
    run("dvc", "checkout", "-q", cwd=tiny)


def test_an_experiment_on_beta_fits_again_and_does_not_train(tiny: Path) -> None:
    done = run("dvc", "exp", "run", "-S", "beta=0.1", cwd=tiny)
    assert sorted(executed(done.stdout)) == sorted(STAGES[2:])
    assert json.loads((tiny / "data/encoders/run.json").read_text())["settings"]["beta"] == 0.1
    run("git", "reset", "-q", "--hard", cwd=tiny)
    run("dvc", "checkout", "-q", cwd=tiny)


def test_an_experiment_on_another_generator_skips_train_gan(tiny: Path) -> None:
    shutil.copy(tiny / "data/gan/generator.pt", tiny / "mine.pt")
    done = run("dvc", "exp", "run", "-S", "gan_ckpt=mine.pt", cwd=tiny)
    assert "train-gan" not in executed(done.stdout)
    assert executed(done.stdout)[0] == "fit-encoders"
    assert list(json.loads((tiny / "data/encoders/run.json").read_text())["inputs"]) == ["mine.pt"]
    run("git", "reset", "-q", "--hard", cwd=tiny)
    run("dvc", "checkout", "-q", cwd=tiny)


def test_a_generator_with_any_name_is_a_dependency(tiny: Path) -> None:
    """By hand in params.yaml, and by an experiment, whose grammar wants brackets escaped."""
    name = "my gans/netG (1).pt"
    (tiny / "my gans").mkdir()
    shutil.copy(tiny / "data/gan/generator.pt", tiny / name)
    escaped = name.replace("(", r"\(").replace(")", r"\)")
    run("dvc", "exp", "run", "-S", f"gan_ckpt={escaped}", "fit-encoders", cwd=tiny)
    assert yaml.safe_load((tiny / "params.yaml").read_text())["gan_ckpt"] == name
    assert list(json.loads((tiny / "data/encoders/run.json").read_text())["inputs"]) == [name]
    assert executed(run("dvc", "repro", "fit-encoders", cwd=tiny).stdout) == []
    run("git", "reset", "-q", "--hard", cwd=tiny)
    run("dvc", "checkout", "-q", cwd=tiny)


def test_a_downloaded_zip_runs_by_make(tmp_path: Path) -> None:
    """No git: what `make repro` does before DVC is enough for it."""
    folder = repository(tmp_path / "repo", (ROOT / "params.yaml").read_text())
    shutil.rmtree(folder / ".git")
    (line,) = re.findall(r"@(git rev-parse.*)", (ROOT / "Makefile").read_text())
    run("sh", "-c", line, cwd=folder)
    assert executed(run("dvc", "repro", "prepare-data", cwd=folder).stdout) == ["prepare-data"]


def test_ctrl_c_leaves_no_stage_recorded_as_done_and_repro_continues(tiny: Path) -> None:
    lock = yaml.safe_load((tiny / "dvc.lock").read_text())["stages"]["train-gan"]
    params = yaml.safe_load((tiny / "params.yaml").read_text())
    params["train-gan"]["iterations"] = 1500
    (tiny / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    process = start("dvc", "repro", "train-gan", cwd=tiny)
    scratch = tiny / ".ssavl"
    deadline = time.monotonic() + 120
    while not list(scratch.glob("train-gan-*/log.csv")) and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "the same command continues" in output
    assert yaml.safe_load((tiny / "dvc.lock").read_text())["stages"]["train-gan"] == lock
    assert list(scratch.glob("train-gan-*/state.pt"))
    assert "train-gan" in run("dvc", "status", cwd=tiny).stdout
    done = run("dvc", "repro", "train-gan", cwd=tiny)
    assert "resuming at iteration" in done.stdout + done.stderr
    assert json.loads((tiny / "data/gan/run.json").read_text())["resumed_from"]
    run("git", "reset", "-q", "--hard", cwd=tiny)
    run("dvc", "checkout", "-q", cwd=tiny)
