"""What every training command can do: be ended early, be made longer, recover.

The commands are those that can be resumed, so a new one is covered without a new test.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import Result
from torch import nn

from ssavl.engine import playing
from ssavl.engine.act import Act
from ssavl.engine.alarm import Alarm
from ssavl.engine.clock import Clock
from ssavl.engine.device import Compute
from ssavl.engine.log import read_log
from ssavl.engine.phase import Phase
from ssavl.engine.run import Run
from ssavl.engine.update import update
from ssavl.params.shared import OptimisationParams
from tests.commands import call, commands
from tests.conftest import invoke, tiny_overrides
from tests.methods import CPU

TRAININGS = {
    words: command
    for words, command in commands()
    if "checkpoint_seconds" in {parameter.name for parameter in command.params}
}
Update = Callable[..., dict[str, torch.Tensor]]


@pytest.fixture
def train(
    request: pytest.FixtureRequest, laid_out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """Runs the command that ``words`` names, in a folder with all that it reads."""
    words = request.param
    shutil.copytree(laid_out, tmp_path / "place")
    monkeypatch.chdir(tmp_path / "place")
    shutil.rmtree(".ssavl", ignore_errors=True)

    def run(iterations: int, *more: str) -> Result:
        fixed = ["--iterations", str(iterations), "--set", f"{words}.log_every=2"]
        return invoke(*call(words, TRAININGS[words]), *fixed, *more)

    run.words = words  # type: ignore[attr-defined]
    return run


def everywhere(function: Callable[..., None]) -> Callable[..., None]:
    return pytest.mark.parametrize("train", TRAININGS, indirect=True)(function)


def results() -> dict[str, bytes]:
    """All that was written, but for the record, which has times in it."""
    paths = [path for path in Path("written").rglob("*") if path.is_file()]
    return {str(path): path.read_bytes() for path in paths if path.name != "run.json"}


def record() -> dict[str, Any]:
    (path,) = Path("written").rglob("run.json")
    return json.loads(path.read_text())


def whole(train: Callable[..., Result], iterations: int, *more: str) -> dict[str, bytes]:
    """What an undisturbed run leaves; nothing of it stays."""
    result = train(iterations, *more)
    assert result.exit_code == 0, result.output
    found = results()
    shutil.rmtree("written")
    shutil.rmtree(".ssavl")
    return found


def at(monkeypatch: pytest.MonkeyPatch, step: int, act: Callable[[Phase, Any], None]) -> None:
    """Do something before the first update of the iteration ``step``, counted from 0."""
    own = playing.Playing.iterate

    def iterate(self: playing.Playing) -> set[str]:
        if self.step == step:
            act(self.act.phases[0], self)
        return own(self)

    monkeypatch.setattr(playing.Playing, "iterate", iterate)


def stopped(train: Callable[..., Result], step: int, iterations: int, *more: str) -> Result:
    """A run that SIGTERM stops in the iteration ``step``."""
    with pytest.MonkeyPatch.context() as patch:
        at(patch, step, lambda phase, act: os.kill(os.getpid(), signal.SIGTERM))
        result = train(iterations, *more)
    assert result.exit_code == 143, result.output
    return result


@everywhere
def test_a_longer_run_grows_from_a_shorter_one_to_the_same_bits(
    train: Callable[..., Result],
) -> None:
    expected = whole(train, 8)
    assert train(4).exit_code == 0
    result = train(8)
    assert result.exit_code == 0, result.output
    assert "resuming at iteration 4 of 8" in result.stderr
    assert record()["resumed_from"] == [4]
    assert results() == expected
    assert len(list(Path(".ssavl").iterdir())) == 1  # the longest stands for all
    again = train(8)
    assert "resuming" not in again.stderr
    assert results() == expected


@everywhere
def test_a_stopped_run_can_be_made_longer_or_shorter(train: Callable[..., Result]) -> None:
    expected = {n: whole(train, n) for n in (4, 8)}
    stopped(train, 2, 6)
    for n in (8, 4):
        assert "resuming at iteration 3" in train(n).stderr
        assert results() == expected[n]


@everywhere
def test_where_the_rate_has_fallen_a_longer_run_starts_anew_and_says_so(
    train: Callable[..., Result],
) -> None:
    decay = ["--set", f"{train.words}.decay=3"]  # type: ignore[attr-defined]
    expected = whole(train, 8, *decay)
    assert train(4, *decay).exit_code == 0
    result = train(8, *decay)
    assert "starts anew: the run of 4 iterations lowered its learning rate" in result.stderr
    assert results() == expected
    shutil.rmtree(".ssavl")
    stopped(train, 1, 4, *decay)  # two iterations at the full rate, as the longer run has them
    assert "resuming at iteration 2 of 8" in train(8, *decay).stderr
    assert results() == expected


@everywhere
def test_a_stopped_run_can_be_finished_early_and_still_go_on(train: Callable[..., Result]) -> None:
    expected = whole(train, 8)
    assert "no stopped run of this command" in train(8, "--finish").stderr
    stopped(train, 2, 8)
    result = train(8, "--finish")
    assert result.exit_code == 0, result.output
    assert record()["finished_early"] == {"iterations": 3, "of": 8}
    assert record()["iterations"] == 3
    (log,) = Path("written").rglob("log.csv")
    steps = [line.split(",")[0] for line in log.read_text().splitlines()]
    assert steps == ["step", "2", "3"]
    assert {Path(path).name for path in results()} == {Path(path).name for path in expected}
    assert train(8).exit_code == 0
    assert "finished_early" not in record()
    assert results() == expected


@everywhere
def test_what_the_message_advises_goes_on_from_a_good_state(
    train: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gradient that is not finite at a high rate, though the loss is."""
    rates: list[float] = []

    def poisoned(
        phase: Phase,
        number: int,
        parameters: Mapping[str, Sequence[nn.Parameter]],
        optimisers: Mapping[str, torch.optim.Optimizer],
        compute: Compute,
        pieces: int,
        alarm: Alarm | None,
    ) -> dict[str, torch.Tensor]:
        own = optimisers[next(iter(phase.optimisers))]
        rates.append(float(own.param_groups[0]["lr"]))
        first = parameters[phase.modules[0]][0]
        first.requires_grad_(True)
        spoil = number >= 3 and rates[-1] > 0.5 * rates[0]
        hook = first.register_hook(lambda gradient: gradient * torch.nan if spoil else gradient)
        try:
            return update(phase, number, parameters, optimisers, compute, pieces, alarm)
        finally:
            hook.remove()

    monkeypatch.setattr(playing, "update", poisoned)
    monkeypatch.setenv("SSAVL_GRAPHS", "0")  # a recording has no hooks
    result = train(6, "--checkpoint-seconds", "0")
    assert result.exit_code == 1
    line = result.stderr.splitlines()[-1]
    assert "is not finite, though its loss is" in line
    advice = re.search(r"add (--set \S+ --from-state \S+)$", line)
    assert advice is not None, line
    kept = torch.load(advice[1].split()[-1], weights_only=True)["parts"]
    assert kept["playing"]["step"] > 0
    better = train(6, *advice[1].split())
    assert better.exit_code == 0, better.output
    assert record()["resumed_from"] == [kept["playing"]["step"]]
    assert any(name.endswith("state.pt") for name in record()["inputs"])


@everywhere
def test_the_state_of_another_run_is_refused_in_one_line(train: Callable[..., Result]) -> None:
    for name, content in {"junk.pt": b"junk", "none.pt": None}.items():
        if content is not None:
            Path(name).write_bytes(content)
        result = train(4, "--from-state", name)
        assert result.exit_code == 1
        assert result.stderr.splitlines()[-1].startswith(f"Error: {name}")
    torch.save({"act": 0, "parts": {}, "resumed_from": []}, "other.pt")
    result = train(4, "--from-state", "other.pt")
    assert result.exit_code == 1
    assert "other.pt is no state of this run" in result.stderr


def test_a_run_ends_when_its_time_is_up_and_counts_that_of_processes_before_it(data: Path) -> None:
    overrides = tiny_overrides(
        train__iterations=10**6, train__batch_size=8, train__log_every=5, train__cpu_minutes=0.01
    )
    result = invoke("train", "--out", "timed", *overrides)
    assert result.exit_code == 0, result.output
    own = json.loads(Path("timed/run.json").read_text())
    assert 0 < own["iterations"] < 10**6
    assert own["cpu_seconds"] >= 0.6
    assert "finished_early" not in own
    assert read_log(Path("timed/log.csv"))["step"][-1] == own["iterations"]

    def timed(seconds: float | None) -> Run:
        network = nn.Linear(1, 1)
        loss = partial(lambda number: {"loss": network.weight.square().flatten()})
        act = Act("one", (Phase("it", ("it",), loss),), OptimisationParams(iterations=9))
        rng = torch.Generator()
        return Run({"it": network}, [act], CPU, rng, Path("scratch"), clock=Clock(seconds))

    before = timed(None)
    before.iterate()
    before.save()
    again = timed(before.clock.spent / 2)
    again.resume()
    assert again.over
