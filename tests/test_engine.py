"""The loop: resume, guards, averages, signals."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ssavl.engine.device import Compute, choose
from ssavl.engine.log import read_log
from ssavl.engine.phase import Phase, frozen
from ssavl.engine.run import PREVIOUS, STATE, Run, Schedule
from ssavl.errors import Interrupted, UserError

CPU = Compute(torch.device("cpu"), False)


class Crash(Exception):
    """Stands for a kill between two iterations."""


def make_run(
    crash_at: int | None = None, nan_at: int | None = None, stop_at: int | None = None, n: int = 12
) -> Run:
    torch.manual_seed(0)
    modules = {
        "a": nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout()),
        "b": nn.Linear(3, 1),
    }
    rng = torch.Generator().manual_seed(0)

    def loss_b(update: int) -> Mapping[str, Tensor]:
        with torch.no_grad():
            h = modules["a"](torch.randn(4, 3, generator=rng))
        return {"loss": (modules["b"](h).squeeze(1) - 1).square()}

    def loss_a(update: int) -> Mapping[str, Tensor]:
        if update == crash_at:
            raise Crash
        if update == stop_at:
            os.kill(os.getpid(), signal.SIGTERM)
        loss = modules["b"](modules["a"](torch.randn(4, 3, generator=rng))).squeeze(1)
        return {"loss": loss * (math.nan if update == nan_at else 1), "size": loss.abs()}

    phases = [Phase("second", ("b",), loss_b, 2), Phase("first", ("a",), loss_a)]
    schedule = Schedule(n, 0.01, (0.5, 0.9), decay=6, log_every=3, checkpoint_seconds=0)
    return Run(modules, phases, schedule, CPU, rng, Path("scratch"), averaged={"a": 0.5})


def result(run: Run) -> list[Tensor]:
    states = [
        run.modules["a"].state_dict(),
        run.modules["b"].state_dict(),
        run.average("a").state_dict(),
    ]
    return [tensor.clone() for state in states for tensor in state.values()]


def test_a_crashed_run_continues_bit_for_bit() -> None:
    whole = make_run()
    whole.train()
    log = Path("scratch/log.csv").read_bytes()
    expected = result(whole)
    for file in Path("scratch").iterdir():
        file.unlink()
    for crash_at in (1, 5, 6, 11):  # before, within and at the end of a logging interval
        with pytest.raises(Crash):
            make_run(crash_at=crash_at).train()
    run = make_run()
    torch.manual_seed(99)  # the saved generators count, not those of the new process
    run.train()
    assert run.resumed_from == [1, 5, 6, 11]
    assert all(torch.equal(a, b) for a, b in zip(result(run), expected, strict=True))
    assert Path("scratch/log.csv").read_bytes() == log


def test_a_damaged_state_falls_back_to_the_one_before(capsys: pytest.CaptureFixture[str]) -> None:
    whole = make_run()
    whole.train()
    expected = result(whole)
    for file in Path("scratch").iterdir():
        file.unlink()
    with pytest.raises(Crash):
        make_run(crash_at=7).train()
    state = Path("scratch") / STATE
    state.write_bytes(state.read_bytes()[:200])
    run = make_run()
    run.train()
    assert run.resumed_from == [6]
    assert "damaged" in capsys.readouterr().err
    assert (Path("scratch") / PREVIOUS).exists()
    assert all(torch.equal(a, b) for a, b in zip(result(run), expected, strict=True))


def test_a_loss_that_is_not_finite_stops_the_run_before_it_spoils_the_weights() -> None:
    run = make_run(nan_at=7)
    with pytest.raises(
        UserError, match=r"phase 'first' is not finite at iteration 7 \(loss nan, size"
    ) as caught:
        run.train()
    assert "\n" not in str(caught.value)
    assert all(torch.isfinite(tensor).all() for tensor in result(run))
    state = torch.load(Path("scratch") / STATE, weights_only=True)
    assert state["step"] == 7
    assert all(torch.isfinite(tensor).all() for tensor in state["modules"]["a"].values())


def test_a_signal_saves_and_says_so() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(
        Interrupted, match="iteration 5 of 12; the same command continues"
    ) as caught:
        make_run(stop_at=4).train()
    assert caught.value.signum == signal.SIGTERM
    assert torch.load(Path("scratch") / STATE, weights_only=True)["step"] == 5
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_phase_updates_its_modules_alone() -> None:
    run = make_run(n=1)
    run.phases = run.phases[:1]
    before = {
        name: [p.clone() for p in module.parameters()] for name, module in run.modules.items()
    }
    run.train()
    same = {
        name: all(
            torch.equal(p, q) for p, q in zip(run.modules[name].parameters(), old, strict=True)
        )
        for name, old in before.items()
    }
    assert same == {"a": True, "b": False}


def test_the_average_is_an_exponential_one_with_live_statistics() -> None:
    run = make_run(n=2)
    averages: list[Tensor] = []
    weight = run.modules["a"][0].weight  # type: ignore[index]
    seen = []
    original = run._write_row
    run.schedule = Schedule(2, 0.01, (0.5, 0.9), log_every=1)

    def spy() -> dict[str, float]:
        seen.append(weight.detach().clone())
        return original()

    run._write_row = spy  # type: ignore[method-assign]
    run.train()
    averages.append(run.average("a")[0].weight)  # type: ignore[index]
    assert torch.allclose(averages[0], 0.5 * seen[0] + 0.5 * seen[1])
    assert torch.equal(
        run.average("a")[1].running_mean,  # type: ignore[index]
        run.modules["a"][1].running_mean,  # type: ignore[index]
    )


def test_the_log_has_one_row_per_interval_and_means() -> None:
    run = make_run(n=7)
    seen: dict[str, list[float]] = {"second/loss": [], "first/loss": [], "first/size": []}

    def watched(phase: Phase) -> Phase:
        def loss(update: int) -> Mapping[str, Tensor]:
            terms = phase.loss(update)
            for name, term in terms.items():
                seen[f"{phase.name}/{name}"].append(term.mean().item())
            return terms

        return replace(phase, loss=loss)

    run.phases = [watched(phase) for phase in run.phases]
    run.train()
    log = read_log(Path("scratch/log.csv"))
    assert log.pop("step") == [3, 6, 7]
    assert set(log) == set(seen)
    for column, values in seen.items():
        repeats = len(values) // 7  # steps of the phase per iteration
        intervals = (slice(0, 3), slice(3, 6), slice(6, 7))
        steps = torch.tensor(values).view(7, repeats)
        means = [steps[interval].mean().item() for interval in intervals]
        assert log[column] == pytest.approx(means, rel=1e-5), column


def test_frozen_holds_statistics_too_and_gives_everything_back() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    network[0].bias.requires_grad_(False)
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    x = torch.randn(8, 2, requires_grad=True)
    with frozen(network):
        network(x).square().sum().backward()
    assert x.grad is not None
    assert network[0].weight.grad is None
    assert all(torch.equal(state[name], tensor) for name, tensor in network.state_dict().items())
    assert network.training
    assert network[1].training
    assert [p.requires_grad for p in network.parameters()] == [True, False, True, True]


def test_devices_that_are_not_there() -> None:
    with pytest.raises(UserError, match="device 'cuda:77' cannot be used"):
        choose("cuda:77")
    with pytest.raises(UserError, match="device 'abacus'"):
        choose("abacus")
    with pytest.raises(UserError, match="precision 'float8'"):
        choose("cpu", "float8")
    assert choose("cpu", "bf16").bf16
    assert not choose("cpu", "float32").bf16


def test_a_share_of_the_learning_rate_holds_for_its_module_alone() -> None:
    """Adam's first step has the length of the learning rate, whatever the gradient's."""
    modules = {"slow": torch.nn.Linear(1, 1, bias=False), "fast": torch.nn.Linear(1, 1, bias=False)}
    before = {name: module.weight.item() for name, module in modules.items()}

    def phase(name: str) -> Phase:
        return Phase(
            name, (name,), lambda update: {"loss": modules[name](torch.ones(1, 1)).flatten()}
        )

    schedule = Schedule(1, 0.01, (0.9, 0.999), shares={"slow": 0.2})
    Run(
        modules, [phase("slow"), phase("fast")], schedule, CPU, torch.Generator(), Path("scratch")
    ).train()
    moved = {name: before[name] - module.weight.item() for name, module in modules.items()}
    assert moved == pytest.approx({"slow": 0.002, "fast": 0.01}, rel=1e-4)
