"""What a GPU does by itself: alarms that no CPU waits for, iterations that are recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, Normal, OneHotCategorical

from ssavl.engine.act import Act
from ssavl.engine.alarm import Alarm
from ssavl.engine.device import Compute, exact
from ssavl.engine.finite import NotFiniteError
from ssavl.engine.phase import Phase, alike
from ssavl.engine.run import Run
from ssavl.engine.update import update
from ssavl.images.draws import Draws
from ssavl.methods.registry import METHODS, own_params
from ssavl.params.shared import OptimisationParams
from tests.methods import CPU, common, draws, play, step

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
WARMING: dict[str, Any] = {"mi_warmup": {"start": 2, "length": 20}, "gp_every": 2}
BOTH = pytest.mark.parametrize("schedule", ["two-stage", "interleaved"])


def gpu() -> Compute:
    return Compute(torch.device("cuda"), False)


def resident(compute: Compute) -> Draws:
    """Images that are on the device already."""
    rng = compute.generator(0)
    held = torch.rand(16, 1, 28, 28, generator=rng, device=compute.device)
    return Draws((1, 28, 28), 16, lambda i: held[i], lambda n: iter(held.cpu().split(n)), rng)


def training(method: str, own: Mapping[str, Any], scratch: str, **pace: Any) -> Run:
    """A method on a GPU, in a small size."""
    torch.manual_seed(0)
    compute = gpu()
    data = resident(compute)
    built = METHODS[method].build(own_params(method, own), common(data, **pace), data)
    for module in built.modules.values():
        compute.place(module)
    return Run(built.modules, built.acts, compute, data.rng, Path(scratch), built.averaged)


def weights(run: Run) -> list[Tensor]:
    return [
        tensor.cpu() for module in run.modules.values() for tensor in module.state_dict().values()
    ]


def same(one: Run, other: Run) -> bool:
    return all(torch.equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))


@on_gpu
@BOTH
def test_a_recorded_run_is_the_same_bit_for_bit(
    monkeypatch: pytest.MonkeyPatch, schedule: str
) -> None:
    own = {**WARMING, "schedule": schedule}
    with exact():
        recorded = training("ss-avl", own, "recorded", iterations=40)
        recorded.train()
        monkeypatch.setenv("SSAVL_GRAPHS", "0")
        plain = training("ss-avl", own, "plain", iterations=40)
        plain.train()
    assert recorded.playing.recorder is not None
    # with the penalty and without, while the information sets in and afterwards
    assert len(recorded.playing.recorder.recorded) == 4
    assert plain.playing.recorder is None
    assert same(recorded, plain)
    logs = [run.logs[-1].path.read_bytes() for run in (recorded, plain)]
    assert logs[0] == logs[1]


@on_gpu
def test_a_recorded_run_resumes_bit_for_bit() -> None:
    with exact():
        whole = training("vae", {}, "whole", iterations=30)
        whole.train()
        first = training("vae", {}, "parts", iterations=30)
        for _ in range(17):
            first.iterate()
        first.save()
        second = training("vae", {}, "parts", iterations=30)
        second.train()
    assert second.resumed_from == [17]
    assert second.playing.recorder is not None
    assert len(second.playing.recorder.recorded) == 1
    assert same(whole, second)


def losing(network: nn.Module, at: int, wait: bool = False) -> Phase:
    """A phase whose loss is not a number from one iteration on, which a buffer counts."""
    counted = network.get_buffer("counted")

    def loss(number: int) -> Mapping[str, Tensor]:
        counted.add_(1)
        value = network.get_parameter("weight").square().sum() * torch.where(
            counted > at, torch.nan, 1.0
        )
        if wait:
            value.item()
        return {"loss": value[None], "half": value[None] / 2}

    return Phase("phase", ("it",), loss, varies=alike)


def counting(device: str) -> nn.Module:
    network = nn.Linear(3, 2, device=device)
    network.register_buffer("counted", torch.zeros((), device=device))
    return network


@on_gpu
def test_a_loss_that_is_not_finite_moves_nothing_and_is_told_by_its_iteration() -> None:
    network, pace = counting("cuda"), {"iterations": 90, "batch_size": 4, "log_every": 90}
    act = Act("act", (losing(network, at=40),), OptimisationParams.model_validate(pace))
    run = Run({"it": network}, [act], gpu(), gpu().generator(0), Path("scratch"))
    with pytest.raises(NotFiniteError, match=r"iteration 40 of 90: the loss of phase 'phase'.*nan"):
        run.train()
    assert network.get_parameter("weight").isfinite().all()


@on_gpu
def test_what_makes_the_cpu_wait_is_said_once_and_not_recorded(
    capsys: pytest.CaptureFixture[str],
) -> None:
    network, pace = counting("cuda"), {"iterations": 9, "batch_size": 4}
    phase = losing(network, at=100, wait=True)
    act = Act("act", (phase,), OptimisationParams.model_validate(pace))
    run = Run({"it": network}, [act], gpu(), gpu().generator(0), Path("scratch"))
    run.train()
    assert capsys.readouterr().err.count("the CPU waits in") == 1
    assert run.playing.recorder is not None
    assert not run.playing.recorder.recorded


@pytest.mark.parametrize("fault", ["loss", "gradient"])
def test_an_alarm_leaves_out_every_step_from_the_first_fault_on(fault: str) -> None:
    network = counting("cpu")
    weight = network.get_parameter("weight")
    factor = torch.ones(())

    def loss(number: int) -> Mapping[str, Tensor]:
        bad = number >= 2
        if fault == "loss":
            value = weight.square().sum() * (torch.nan if bad else 1.0)
        else:  # finite, and its slope is not: a root at 0
            value = (
                weight.square().sum() + (factor * weight.sum() * (0.0 if bad else 1.0)).abs().sqrt()
            )
        return {"loss": value[None]}

    optimiser = torch.optim.Adam(network.parameters(), 0.1, fused=True)
    alarm = Alarm([optimiser], torch.device("cpu"))
    phase = replace(losing(network, at=100), loss=loss)
    moved = []
    for number in range(4):
        before = weight.detach().clone()
        known = {"it": tuple(network.parameters())}
        update(phase, number, known, {"it": optimiser}, CPU, 1, alarm)
        alarm.end()
        moved.append(not torch.equal(before, weight))
    assert moved == [True, True, False, False]
    error = alarm.look()
    assert error is not None
    assert f"the {fault} of phase 'phase'" in str(error)
    assert int(alarm.iteration) == 2


def test_no_distribution_is_looked_at_in_an_update(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look makes the CPU wait for a GPU; ``validate_args=False`` does not reach inner parts."""
    monkeypatch.setattr(Distribution, "_validate_args", True)  # torch's compiler turns it off
    looks: list[str] = []
    for kind in (Categorical, OneHotCategorical, Normal):
        monkeypatch.setattr(kind, "_validate_sample", lambda own, value: looks.append(repr(own)))
    data = draws()
    built = METHODS["vae"].build(own_params("vae", {}), common(data), data)
    playing = play(built)
    step(playing, playing.act.phases[0])
    assert looks == []
    OneHotCategorical(logits=torch.zeros(3)).log_prob(torch.eye(3)[0])
    assert looks
