"""Batches in pieces, activations that are computed again, the largest batch that fits."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ssavl.engine import device, playing
from ssavl.engine.act import Act
from ssavl.engine.device import Compute, choose
from ssavl.engine.phase import Phase
from ssavl.engine.playing import Playing
from ssavl.errors import UserError
from ssavl.params.shared import OptimisationParams
from ssavl.runs import batch_size
from ssavl.runs.batch_size import largest, measured
from tests.conftest import invoke, tiny_overrides

CPU = choose("cpu", "float32")


def gradient(pieces: int) -> tuple[list[Tensor], dict[str, float]]:
    """Of a loss over the same eight points, computed in pieces; and the row of the log."""
    torch.manual_seed(0)
    network = nn.Linear(3, 1).double()
    points = iter(torch.randn(8, 3, dtype=torch.float64).chunk(pieces))

    def loss(update: int) -> dict[str, Tensor]:
        squares = network(next(points)).square().squeeze(1)
        return {"loss": squares, "half": squares / 2}

    params = OptimisationParams(batch_size=8, pieces=pieces)
    playing = Playing(Act("it", (Phase("it", ("it",), loss),), params), {"it": network}, CPU)
    playing.iterate()
    found = [own.grad for own in network.parameters() if own.grad is not None]
    return found, playing.take_row()


@pytest.mark.parametrize("pieces", [2, 4, 8])
def test_a_batch_in_pieces_has_the_gradient_of_the_whole(pieces: int) -> None:
    whole, row = gradient(1)
    found, other = gradient(pieces)
    assert len(found) == 2
    for one, two in zip(whole, found, strict=True):
        assert torch.allclose(one, two, rtol=1e-12, atol=0)
    assert other == pytest.approx(row, rel=1e-12)


def test_pieces_divide_a_batch_and_what_is_coupled_has_none() -> None:
    with pytest.raises(ValueError, match="pieces = 3 do not divide batch_size = 64"):
        OptimisationParams(pieces=3)
    with pytest.raises(ValueError, match=r"pieces = 2, but .* act 'it' .*: they look around"):
        Act("it", (), OptimisationParams(pieces=2), coupled="they look around")


@pytest.mark.parametrize("command", ["train-gan", "train"])
def test_a_training_that_couples_its_batch_says_why(command: str, data: Path) -> None:
    result = invoke(command, *tiny_overrides(), "--set", f"{command}.pieces=2")
    assert result.exit_code == 1
    assert "BatchNorm of the generator learns from the spread" in result.stderr
    assert "Traceback" not in result.stderr


def test_encoders_are_fitted_in_pieces(data: Path) -> None:
    few = ["--set", "fit-encoders.batch_size=8", "--set", "fit-encoders.pieces=4"]
    result = invoke("fit-encoders", *tiny_overrides(), *few, "--out", "e")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(("holds", "found"), [(1, 1), (7, 4), (64, 64), (10**9, 2**16)])
def test_the_largest_batch_is_a_power_of_two_that_fits(holds: int, found: int) -> None:
    tried: list[int] = []

    def fits(count: int) -> bool:
        tried.append(count)
        return count <= holds

    assert largest(fits) == found
    assert tried == sorted(tried)


def test_a_gpu_that_holds_nothing_is_said() -> None:
    with pytest.raises(UserError, match="does not hold a batch of 3"):
        largest(lambda count: False, smallest=3)


def test_the_measured_size_is_the_parameters(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(batch_size, "_fits", lambda size, compute: size <= 20)
    build: Callable[[OptimisationParams], int] = lambda params: params.batch_size  # noqa: E731
    params = OptimisationParams(pieces=3, batch_size=6)
    cuda = Compute(torch.device("cuda"), False)
    found = measured("it", params, cuda, build)  # type: ignore[arg-type]
    assert (found.batch_size, found.pieces) == (12, 3)
    assert "it.batch_size = 12" in capsys.readouterr().err


def test_a_cpu_has_no_memory_to_measure(data: Path) -> None:
    few = ["--device", "cpu", "--batch-size"]
    result = invoke("fit-encoders", *tiny_overrides(), *few, "auto")
    assert result.exit_code == 1
    assert "--batch-size auto measures a GPU's memory" in result.stderr
    result = invoke("fit-encoders", *tiny_overrides(), *few, "0")
    assert result.exit_code == 2


def test_a_slow_bf16_is_said_and_auto_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(device, "_multiplies_bf16", lambda chosen: False)
    assert choose("cpu", "bf16").bf16
    assert "2 to 3 times slower" in capsys.readouterr().err
    assert not choose("cpu", "auto").bf16
    monkeypatch.setattr(device, "_multiplies_bf16", lambda chosen: True)
    assert choose("cpu", "bf16").bf16
    assert not capsys.readouterr().err


@pytest.mark.parametrize("command", ["fit-encoders", "retrain-R"])
def test_a_fit_in_pieces_resumes_to_the_same_bits(command: str, data: Path) -> None:
    """Nothing of a batch in pieces outlives its iteration."""
    section = command.replace("-", "_")
    overrides = tiny_overrides(**{f"{section}__pieces": 4})
    assert invoke(command, *overrides, "--out", "whole").exit_code == 0
    shutil.rmtree(".ssavl")
    own = playing.Playing.iterate

    def killed(self: playing.Playing) -> set[str]:
        if self.step == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return own(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(playing.Playing, "iterate", killed)
        assert invoke(command, *overrides, "--out", "again").exit_code == 143
    result = invoke(command, *overrides, "--out", "again")
    assert "resuming at iteration 3" in result.stderr
    for name in ("encoders.pt", "log.csv"):
        assert Path("again", name).read_bytes() == Path("whole", name).read_bytes()
