"""The loop: resume, guards, averages, signals, logs; time, memory and optimisers."""

from __future__ import annotations

import math
import os
import re
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ssavl.engine.act import Act
from ssavl.engine.device import Compute, choose
from ssavl.engine.log import LOG, Log, read_log
from ssavl.engine.memory import Memory
from ssavl.engine.optimiser import Optimiser
from ssavl.engine.phase import Phase, frozen
from ssavl.engine.run import Run
from ssavl.engine.schedule import capacity, learning_rate, openings, ramp
from ssavl.engine.signals import SIGNALS
from ssavl.engine.state import PREVIOUS, STATE
from ssavl.errors import Interrupted, UserError
from ssavl.params.shared import OptimisationParams

CPU = Compute(torch.device("cpu"), False)
SCRATCH = Path("scratch")


class Crash(Exception):
    """Stands for a kill between two iterations."""


def lasting(n: int, log_every: int = 3) -> OptimisationParams:
    return OptimisationParams(
        iterations=n, learning_rate=0.01, adam_betas=(0.5, 0.9), decay=6, log_every=log_every
    )


def make_run(
    crash_at: int | None = None,
    nan_at: int | None = None,
    stop_at: int | None = None,
    n: int = 12,
    signum: int = signal.SIGTERM,
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
            os.kill(os.getpid(), signum)
        loss = modules["b"](modules["a"](torch.randn(4, 3, generator=rng))).squeeze(1)
        return {"loss": loss * (math.nan if update == nan_at else 1), "size": loss.abs()}

    phases = (Phase("second", ("b",), loss_b, 2), Phase("first", ("a",), loss_a))
    act = Act("game", phases, lasting(n))
    return Run(modules, [act], CPU, rng, SCRATCH, averaged={"a": 0.5}, checkpoint_seconds=0)


def with_acts(run: Run, acts: Sequence[Act], seconds: float = 0) -> Run:
    """Other acts for the modules of a run that has not begun."""
    return Run(run.modules, acts, CPU, run.rng, SCRATCH, {"a": 0.5}, checkpoint_seconds=seconds)


def result(run: Run) -> list[Tensor]:
    modules = (run.modules["a"], run.modules["b"], run.averages["a"])
    return [tensor.clone() for module in modules for tensor in module.state_dict().values()]


def equal(run: Run, expected: Sequence[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(result(run), expected, strict=True))


def uninterrupted() -> tuple[list[Tensor], bytes]:
    """Result and log of a whole run, of which nothing stays."""
    run = make_run()
    run.train()
    log = (SCRATCH / LOG).read_bytes()
    for file in SCRATCH.iterdir():
        file.unlink()
    return result(run), log


def test_a_crashed_run_continues_bit_for_bit() -> None:
    expected, log = uninterrupted()
    for crash_at in (1, 5, 6, 11):  # before, within and at the end of a logging interval
        with pytest.raises(Crash):
            make_run(crash_at=crash_at).train()
    run = make_run()
    torch.manual_seed(99)  # the saved generators count, not those of the new process
    run.train()
    assert run.resumed_from == [1, 5, 6, 11]
    assert equal(run, expected)
    assert (SCRATCH / LOG).read_bytes() == log


def test_a_damaged_state_falls_back_to_the_one_before(capsys: pytest.CaptureFixture[str]) -> None:
    expected, log = uninterrupted()
    with pytest.raises(Crash):
        make_run(crash_at=7).train()
    state = SCRATCH / STATE
    state.write_bytes(state.read_bytes()[:200])
    run = make_run()
    run.train()
    assert run.resumed_from == [6]
    assert "damaged" in capsys.readouterr().err
    assert (SCRATCH / PREVIOUS).exists()
    assert equal(run, expected)
    assert (SCRATCH / LOG).read_bytes() == log


def test_two_damaged_states_are_a_fresh_start(capsys: pytest.CaptureFixture[str]) -> None:
    expected, log = uninterrupted()
    with pytest.raises(Crash):
        make_run(crash_at=7).train()
    for name in (STATE, PREVIOUS):
        (SCRATCH / name).write_bytes(b"")
    run = make_run()
    run.train()
    assert run.resumed_from == []
    assert capsys.readouterr().err.count("damaged") == 2
    assert equal(run, expected)
    assert (SCRATCH / LOG).read_bytes() == log


def test_a_loss_that_is_not_finite_stops_the_run_before_it_spoils_the_weights() -> None:
    run = make_run(nan_at=7)
    with pytest.raises(
        UserError, match=r"^iteration 7 of 12: .* phase 'first' is not finite \(loss nan, size .*\)"
    ) as caught:
        run.train()
    assert "\n" not in str(caught.value)
    assert all(torch.isfinite(tensor).all() for tensor in result(run))
    state = torch.load(SCRATCH / STATE, weights_only=True)
    assert state["parts"]["playing"]["step"] == 7
    assert all(torch.isfinite(tensor).all() for tensor in state["parts"]["module a"].values())


class _Spoiling(torch.autograd.Function):
    """A number with a gradient that one chooses."""

    @staticmethod
    def forward(ctx, x, gradient):
        ctx.gradient = gradient
        return x.clone()

    @staticmethod
    def backward(ctx, *gradients):
        return gradients[0] * ctx.gradient, None


POISONS: dict[str, tuple[float, float, float]] = {  # of gradient, weight and statistics: factors
    "gradient": (math.nan, 1, 1),
    "infinite gradient": (math.inf, 1, 1),
    "square of the gradient": (1e25, 1, 1),
    "weight": (1, math.nan, 1),
    "statistics": (1, 1, math.inf),
}


@pytest.mark.parametrize("poison", POISONS)
@pytest.mark.parametrize("step", [0, 6, 11])  # 11: the last iteration
@pytest.mark.parametrize("seconds", [0, 1e9], ids=["saving", "never-saving"])
def test_nothing_that_is_not_finite_is_learned_kept_or_left(
    poison: str, step: int, seconds: float
) -> None:
    """Whatever becomes so first, though no loss ever is; the state before it goes on."""
    factors = POISONS[poison]

    def poisoned(phase: Phase, spoils: bool) -> Phase:
        def loss(number: int) -> Mapping[str, Tensor]:
            terms = phase.loss(number)
            gradient = factors[0] if spoils and number == step else 1.0
            return {**terms, "loss": _Spoiling.apply(terms["loss"], gradient)}

        def after(number: int) -> None:
            linear, norm, _ = modules["a"].children()
            if spoils and number == step:
                linear.get_parameter("bias").mul_(factors[1])
                norm.get_buffer("running_var").mul_(factors[2])

        return replace(phase, loss=loss, after=after)

    def prepared(spoils: bool) -> Run:
        run = make_run()
        modules.update(run.modules)
        second, first = run.acts[0].phases
        act = replace(run.acts[0], phases=(second, poisoned(first, spoils)))
        return with_acts(run, [act], seconds)

    modules: dict[str, nn.Module] = {}
    run = prepared(False)
    run.train()
    expected = result(run)
    for file in SCRATCH.iterdir():
        file.unlink()
    with pytest.raises(UserError, match=r"^iteration \d+ of 12: .* finite"):
        prepared(True).train()
    for name in (STATE, PREVIOUS):
        if (SCRATCH / name).exists():
            kept = torch.load(SCRATCH / name, weights_only=True)["parts"]
            assert kept["playing"]["step"] <= step
            weights = [*kept["module a"].values(), *kept["module b"].values()]
            assert all(torch.isfinite(tensor).all() for tensor in weights)
    healed = prepared(False)
    healed.train()
    assert equal(healed, expected)


@pytest.mark.parametrize("signum", SIGNALS)  # 130, 143 and 129 to the shell
def test_a_signal_saves_and_says_so(signum: signal.Signals) -> None:
    before = signal.getsignal(signum)
    with pytest.raises(
        Interrupted, match="iteration 5 of 12; the same command continues"
    ) as caught:
        make_run(stop_at=4, signum=signum).train()
    assert caught.value.signum == signum
    assert torch.load(SCRATCH / STATE, weights_only=True)["parts"]["playing"]["step"] == 5
    assert signal.getsignal(signum) is before


def test_a_line_of_progress_says_losses_and_the_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ssavl.engine.progress.SECONDS", 0)
    make_run().train()
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("iteration")]
    assert len(lines) == 4
    pattern = r"iteration 6 of 12, second/loss \S+, first/loss \S+, [\d.]+ it/s, 00:0\d left"
    assert re.fullmatch(pattern, lines[1]), lines[1]


def test_a_signal_during_the_last_save_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    expected, log = uninterrupted()
    run, save = make_run(), Run.save
    sent: list[bool] = []

    def interrupted(self: Run) -> None:
        if self.playing.done and not sent:
            sent.append(True)
            os.kill(os.getpid(), signal.SIGHUP)
        save(self)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "save", interrupted)
        with pytest.raises(Interrupted, match="iteration 12 of 12") as caught:
            run.train()
    assert caught.value.signum == signal.SIGHUP
    again = make_run()
    again.train()
    assert equal(again, expected)
    assert (SCRATCH / LOG).read_bytes() == log


def test_a_hang_up_that_nohup_silenced_stays_silent() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        make_run(stop_at=4, signum=signal.SIGHUP).train()
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("stop_at", [0, 4, 11])  # 11: the last iteration
def test_a_stopped_run_continues_bit_for_bit(stop_at: int) -> None:
    expected, log = uninterrupted()
    with pytest.raises(Interrupted):
        make_run(stop_at=stop_at).train()
    run = make_run()
    run.train()
    assert run.resumed_from == [stop_at + 1]
    assert equal(run, expected)
    assert (SCRATCH / LOG).read_bytes() == log


def test_a_phase_updates_its_modules_alone() -> None:
    run = make_run(n=1)
    run = with_acts(run, [replace(run.acts[0], phases=run.acts[0].phases[:1])])
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
    linear, norm, _ = run.modules["a"].children()
    assert isinstance(linear, nn.Linear)
    seen: list[Tensor] = []
    spy = replace(run.acts[0], tick=lambda step: seen.append(linear.weight.detach().clone()))
    run = with_acts(run, [spy])
    run.train()
    average, average_norm, _ = run.averages["a"].children()
    assert torch.allclose(average.get_parameter("weight"), 0.5 * seen[1] + 0.5 * linear.weight)
    assert torch.equal(average_norm.get_buffer("running_mean"), norm.get_buffer("running_mean"))
    assert run.averages["b"] is run.modules["b"]  # of which no average is kept


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

    act = run.acts[0]
    with_acts(run, [replace(act, phases=tuple(watched(phase) for phase in act.phases))]).train()
    log = read_log(SCRATCH / LOG)
    assert log.pop("step") == [3, 6, 7]
    assert set(log) == set(seen)
    for column, values in seen.items():
        repeats = len(values) // 7  # steps of the phase per iteration
        intervals = (slice(0, 3), slice(3, 6), slice(6, 7))
        steps = torch.tensor(values).view(7, repeats)
        means = [steps[interval].mean().item() for interval in intervals]
        assert log[column] == pytest.approx(means, rel=1e-5), column


@pytest.mark.parametrize(
    "harm",
    [
        lambda log: log.unlink(),
        lambda log: log.write_bytes(b""),
        lambda log: log.write_bytes(log.read_bytes()[:-7]),  # a row cut short
        lambda log: log.write_bytes(log.read_bytes() + b"9,.1,.2,.3\n"),  # after the last save
    ],
    ids=["deleted", "emptied", "cut", "ahead"],
)
def test_a_resumed_run_writes_its_log_anew(harm: Callable[[Path], object]) -> None:
    expected, log = uninterrupted()
    with pytest.raises(Crash):
        make_run(crash_at=8).train()
    harm(SCRATCH / LOG)
    run = make_run()
    run.train()
    assert run.resumed_from == [8]
    assert equal(run, expected)
    assert (SCRATCH / LOG).read_bytes() == log


def test_a_log_without_a_state_is_of_another_run() -> None:
    _, log = uninterrupted()
    SCRATCH.joinpath(LOG).write_text("step,loss\n3,1\n")
    make_run().train()
    assert (SCRATCH / LOG).read_bytes() == log


def test_a_late_column_is_empty_in_the_rows_before() -> None:
    log = Log(Path("log.csv"))
    log.append({"step": 1, "x": 0.5})
    log.append({"step": 2, "x": 0.25, "late": 2.0})
    log.append({"step": 3, "late": math.nan})
    assert log.path.read_text() == "step,x,late\n1,0.5,\n2,0.25,2\n3,,\n"
    assert read_log(log.path)["late"] == pytest.approx([math.nan, 2, math.nan], nan_ok=True)


def test_the_probe_measures_each_row_and_leaves_no_trace() -> None:
    expected, _ = uninterrupted()
    run = make_run()
    run.probe = lambda: {"drawn": torch.rand(()).item(), "free": float(torch.is_grad_enabled())}
    run.train()
    assert equal(run, expected)
    log = read_log(SCRATCH / LOG)
    assert log["free"] == [0, 0, 0, 0]
    assert len(set(log["drawn"])) == 4


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
    modules = {name: nn.Linear(1, 1, bias=False) for name in ("slow", "fast")}
    before = {name: module.weight.item() for name, module in modules.items()}

    def phase(name: str) -> Phase:
        return Phase(name, (name,), lambda _: {"loss": modules[name](torch.ones(1, 1)).flatten()})

    optimisation = OptimisationParams(iterations=1, learning_rate=0.01)
    phases = (phase("slow"), phase("fast"))
    act = Act("game", phases, optimisation, optimisers={"slow": Optimiser(rate=0.2)})
    Run(modules, [act], CPU, torch.Generator(), SCRATCH).train()
    moved = {name: before[name] - module.weight.item() for name, module in modules.items()}
    assert moved == pytest.approx({"slow": 0.002, "fast": 0.01}, rel=1e-4)


def test_the_rate_falls_to_zero_over_the_last_iterations() -> None:
    """SGD without momentum on a loss of slope 1 moves by the rate itself."""
    weight = nn.Linear(1, 1, bias=False)
    seen: list[float] = []
    act = Act(
        "fall",
        (Phase("w", ("w",), lambda _: {"loss": weight(torch.ones(1, 1)).flatten()}),),
        OptimisationParams(iterations=5, learning_rate=0.1, decay=4),
        tick=lambda step: seen.append(weight.weight.item()),
        optimisers={"w": Optimiser(kind="sgd", betas=(0, 0), rate=0.5)},
    )
    Run({"w": weight}, [act], CPU, torch.Generator(), SCRATCH).train()
    seen.append(weight.weight.item())
    steps = [a - b for a, b in pairwise(seen)]
    assert steps == pytest.approx([0.05, 0.05, 0.0375, 0.025, 0.0125], rel=1e-4)


def test_schedules_are_their_closed_forms() -> None:
    for step in range(12):
        assert ramp(step, 3, 4) == min(1, max(0, step - 2) / 4)
        assert ramp(step, 3, 0) == float(step >= 3)
        opened = openings(step, 3, start=1, every=4, length=2)
        assert opened == [min(1, max(0, step - 4 * k) / 2) for k in range(3)]
        assert openings(step, 2, 0, 0, 0) == [1, 1]
        assert capacity(step, 2, 10, 5) == pytest.approx(2 + 8 * min(1, (step + 1) / 5))
        assert capacity(step, 10, 2, 0) == 2
    params = OptimisationParams(iterations=10, learning_rate=0.2, decay=4)
    rates = [learning_rate(params, step) for step in range(10)]
    assert rates == pytest.approx([0.2] * 7 + [0.15, 0.1, 0.05])
    constant = params.model_copy(update={"decay": 0})
    assert {learning_rate(constant, step) for step in range(10)} == {0.2}


def test_a_memory_is_its_tensors() -> None:
    memory = Memory(integral=torch.zeros(()), centres=torch.ones(3, 2))
    memory.integral = memory.integral + 2.5
    memory.centres[1] = 7
    assert not list(memory.parameters())
    assert set(memory.state_dict()) == {"integral", "centres"}  # an assignment keeps the buffer
    other = Memory(integral=torch.zeros(()), centres=torch.zeros(3, 2))
    other.load_state_dict(memory.state_dict())
    assert other.integral == 2.5
    assert torch.equal(other.centres, memory.centres)
    with pytest.raises(AttributeError, match="momentum"):
        memory.momentum  # noqa: B018


OWN = {"adam_betas": (0.5, 0.9), "learning_rate": 0.02}
TORCH: dict[str, tuple[Optimiser, Callable[[list[nn.Parameter]], torch.optim.Optimizer]]] = {
    "adam": (Optimiser(), lambda w: torch.optim.Adam(w, 0.02, (0.5, 0.9))),
    "betas": (
        Optimiser(0.5, betas=(0.8, 0.99)),
        lambda w: torch.optim.Adam(w, 0.01, (0.8, 0.99)),
    ),
    "adamw": (
        Optimiser(decay=0.1),
        lambda w: torch.optim.AdamW(w, 0.02, (0.5, 0.9), weight_decay=0.1),
    ),
    "rmsprop": (
        Optimiser(kind="rmsprop", decay=0.1),
        lambda w: torch.optim.RMSprop(w, 0.02, weight_decay=0.1),
    ),
    "sgd": (
        Optimiser(kind="sgd", decay=0.1),
        lambda w: torch.optim.SGD(w, 0.02, momentum=0.5, weight_decay=0.1),
    ),
}


@pytest.mark.parametrize("kind", TORCH)
def test_an_optimiser_is_torchs_own(kind: str) -> None:
    """Over three steps, so that momenta count."""
    ours, theirs = (nn.Linear(3, 2) for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    optimiser, make = TORCH[kind]
    pairs = (
        (ours, optimiser.build([ours], OptimisationParams.model_validate(OWN), CPU.device)),
        (theirs, make(list(theirs.parameters()))),
    )
    x = torch.randn(5, 3)
    for _ in range(3):
        for module, algorithm in pairs:
            algorithm.zero_grad()
            module(x).square().sum().backward()
            algorithm.step()
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(p, q, rtol=1e-6, atol=1e-7)


def test_what_two_modules_share_an_optimiser_has_once() -> None:
    trunk = nn.Linear(2, 2)
    heads = [nn.Sequential(trunk, nn.Linear(2, 1)) for _ in range(2)]
    optimiser = Optimiser().build(heads, OptimisationParams(), CPU.device)
    (group,) = optimiser.param_groups
    assert len(group["params"]) == len({id(p) for p in group["params"]}) == 6


def test_logs_of_finished_acts_outlive_a_kill() -> None:
    def train(tick: Callable[[int], None] | None = None) -> None:
        run = make_run()
        (act,) = run.acts
        with_acts(run, [replace(act, name="early"), replace(act, tick=tick)]).train()

    def die(step: int) -> None:
        if step == 2:
            raise Crash

    with pytest.raises(Crash):
        train(die)
    early = SCRATCH / "log-early.csv"
    log = early.read_bytes()
    train()
    assert early.read_bytes() == log
    early.unlink()
    train()  # from the last state, as ever
    assert early.read_bytes() == log


def test_phases_that_share_an_optimiser_may_have_different_modules() -> None:
    modules = {name: nn.Linear(1, 1, bias=False) for name in ("a", "b")}
    before = {name: module.weight.item() for name, module in modules.items()}

    def loss(update: int) -> Mapping[str, Tensor]:
        x = torch.ones(1, 1)
        return {"loss": (modules["a"](x) + modules["b"](x)).flatten()}

    phases = tuple(Phase(name, tuple(name), loss, optimiser="game") for name in ("ab", "a"))
    act = Act("game", phases, OptimisationParams(iterations=1, learning_rate=0.01))
    Run(modules, [act], CPU, torch.Generator(), SCRATCH).train()
    moved = {name: before[name] - module.weight.item() for name, module in modules.items()}
    assert moved == pytest.approx({"a": 0.02, "b": 0.01}, rel=1e-3)


def test_an_average_rests_when_its_module_does() -> None:
    """Of a module that moves in iterations 0 and 3 alone, as if there were no others."""

    def average(every: int, n: int) -> Tensor:
        run = make_run(n=n)
        (act,) = run.acts
        first = next(run.modules["a"].parameters())
        phase = Phase("a", ("a",), lambda _: {"loss": first.sum(1)}, 1, every)
        constant = act.optimisation.model_copy(update={"decay": 0})
        run = with_acts(run, [replace(act, phases=(phase,), optimisation=constant)])
        run.train()
        for file in SCRATCH.iterdir():
            file.unlink()
        return run.averages["a"].get_parameter("0.weight")

    assert torch.equal(average(3, 6), average(1, 2))


@pytest.mark.parametrize("place", ["enter", "after"])
def test_a_mode_that_is_left_behind_does_not_outlive_an_iteration(place: str) -> None:
    """Modes are not in the state: a resumed run would find others."""

    def train(crash_at: int | None) -> list[Tensor]:
        run = make_run(crash_at=crash_at)
        (act,) = run.acts
        network = run.modules["a"]

        def leave(number: int = 2) -> None:
            network.train(number != 2)

        if place == "enter":
            act = replace(act, enter=leave)
        else:
            act = replace(act, phases=(act.phases[0], replace(act.phases[1], after=leave)))
        run = with_acts(run, [act])
        run.train()
        return result(run)

    expected = train(None)
    for file in SCRATCH.iterdir():
        file.unlink()
    with pytest.raises(Crash):
        train(3)
    assert all(torch.equal(a, b) for a, b in zip(train(None), expected, strict=True))


def test_a_memory_takes_nothing_that_a_kill_would_lose() -> None:
    memory = Memory(count=torch.zeros((), dtype=torch.long), centres=torch.zeros(3, 2))
    with pytest.raises(AttributeError, match="memory has no tensor 'centers'"):
        memory.centers = torch.ones(3, 2)
    with pytest.raises(ValueError, match=r"'centres' is \(3, 2\) of torch.float32, not \(2, 2\)"):
        memory.centres = torch.ones(2, 2)
    with pytest.raises(ValueError, match=r"'count' is \(\) of torch.int64"):
        memory.count = memory.count + 0.5
    with pytest.raises(TypeError, match="'count'"):
        memory.count = 1  # type: ignore[assignment]
    weight = torch.ones((), requires_grad=True)
    memory.centres = weight * memory.centres
    assert not memory.centres.requires_grad  # or every iteration would hold all before it
