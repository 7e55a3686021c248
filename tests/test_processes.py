"""What only whole processes show: kills, signals, start-up time."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import tiny_overrides
from tests.processes import environment, run, start

pytestmark = pytest.mark.slow


def train_command(out: str) -> list[str]:
    clusters = (
        "{iterations: 50, batch_size: 8, size: 4, neighbours: 3, directions: 3, "
        "invariances: {noise: 0.1}}"
    )
    overrides = tiny_overrides(train_gan__iterations=800, train_gan__real_clusters=clusters)
    return [
        sys.executable,
        "-m",
        "ssavl",
        "train-gan",
        "--out",
        out,
        "--checkpoint-seconds",
        "0.2",
        *overrides,
    ]


def wait_for(path: Path, pattern: str) -> None:
    deadline = time.monotonic() + 120
    while not list(path.glob(pattern)):
        assert time.monotonic() < deadline, f"no {pattern} appeared"
        time.sleep(0.02)


def test_kill_9_at_random_moments_then_the_same_command_gives_the_same_bits(
    study: Path, tmp_path: Path
) -> None:
    shutil.copytree(study / "prepared", "data/prepared")
    run(*train_command("whole"), cwd=tmp_path)
    kills = 0
    for _ in range(3):
        process = start(*train_command("killed"), cwd=tmp_path)
        wait_for(tmp_path, ".ssavl/train-gan-*/state.pt")
        time.sleep(random.uniform(0.1, 0.8))
        process.kill()
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
    assert kills
    run(*train_command("killed"), cwd=tmp_path)
    for name in ("generator.pt", "log.csv"):
        assert Path("killed", name).read_bytes() == Path("whole", name).read_bytes()
    assert not [path for path in Path(".ssavl").iterdir() if path.is_dir()]


@pytest.mark.parametrize(
    ("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_signals_save_and_exit_as_the_shell_expects(
    study: Path, tmp_path: Path, signum: int, status: int
) -> None:
    shutil.copytree(study / "prepared", "data/prepared")
    command = [*train_command("out"), "--iterations", "100000"]
    process = start(*command, cwd=tmp_path)
    wait_for(tmp_path, ".ssavl/train-gan-*/log.csv")
    os.killpg(process.pid, signum)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == status
    assert "the same command continues" in output
    assert "Traceback" not in output
    assert not Path("out").exists()
    assert list(Path(".ssavl").glob("train-gan-*/state.pt"))


def test_a_second_run_in_the_folder_is_refused_while_the_first_goes_on(
    study: Path, tmp_path: Path
) -> None:
    shutil.copytree(study / "prepared", "data/prepared")
    first = start(*train_command("out"), "--iterations", "100000", cwd=tmp_path)
    wait_for(tmp_path, ".ssavl/train-gan-*/log.csv")
    second = run(*train_command("out"), cwd=tmp_path, check=False)
    os.killpg(first.pid, signal.SIGTERM)
    first.communicate()
    assert second.returncode == 1
    assert "in use by another run" in second.stderr


def test_help_starts_at_once() -> None:
    """At most 3 times the wall time of importing click:
    the best of several, in turns, since other work shares the machine.
    """

    def seconds(*command: str) -> float:
        started = time.perf_counter()
        subprocess.run(command, env=environment(), check=True, capture_output=True)
        return time.perf_counter() - started

    ssavl = str(Path(sys.executable).parent / "ssavl")
    both = [
        (seconds(ssavl, "--help"), seconds(sys.executable, "-c", "import click")) for _ in range(15)
    ]
    ours, click = (min(times) for times in zip(*both, strict=True))
    assert ours <= 3 * click, f"ssavl --help {ours:.3f} s, import click {click:.3f} s"


@pytest.mark.parametrize(
    "stage",
    ["prepare-data", "train-gan", "fit-encoders", "retrain-R", "evaluate", "render-figures"],
)
def test_to_say_what_would_run_takes_no_torch(stage: str) -> None:
    """Importing it takes ten times as long as all the rest."""
    code = (
        "import sys; from click.testing import CliRunner; from ssavl.cli.main import main; "
        f"result = CliRunner().invoke(main, ['{stage}', '--dry-run']); "
        "print(result.output); sys.exit(result.exit_code or 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
