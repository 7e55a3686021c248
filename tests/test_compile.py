"""Compiled networks: trainings with them, and what the gradient penalty makes of them."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ssavl.engine import device, playing
from ssavl.engine.compiling import compiled
from ssavl.engine.device import Compute, choose
from ssavl.engine.log import read_log
from ssavl.engine.memory import Memory
from ssavl.errors import UserError
from ssavl.networks.critic import Critic
from ssavl.networks.trunk import Trunk
from ssavl.objectives.wgan_gp import _gradient, critic_loss, gradient_penalty
from tests.conftest import invoke, tiny_overrides
from tests.methods import SHAPE

BACKEND = "aot_eager"  # all but the generation of code, which takes a compiler and a minute


class Smooth(nn.Module):
    """A critic without a gradient of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.Softplus(), nn.Linear(8, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x).squeeze(-1)


def smooth() -> Smooth:
    torch.manual_seed(0)
    return Smooth()


def images() -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(0)
    x, x_gen = torch.rand(2, 5, 3, 2, 2, generator=rng)
    return x, x_gen


def penalised(critic: Smooth, x: Tensor, x_gen: Tensor) -> Tensor:
    """The penalty halfway, without a draw."""
    gradient = _gradient(critic, torch.lerp(x_gen, x, 0.5))
    penalty = (gradient.flatten(1).norm(dim=1) - 1).square()
    return (critic_loss(critic, x, x_gen) + 10 * penalty).mean()


def gradients(loss: Callable[..., Tensor], critic: Smooth) -> dict[str, Tensor]:
    critic.zero_grad(set_to_none=True)
    value = loss(critic, *images())
    value.backward()
    found = {name: p.grad for name, p in critic.named_parameters() if p.grad is not None}
    assert len(found) == 4
    return {"loss": value.detach(), **found}


@pytest.fixture(autouse=True)
def _forget() -> None:
    torch._dynamo.reset()


def test_a_compiled_loss_has_the_gradients_of_the_penalty() -> None:
    plain = gradients(penalised, smooth())
    compiled = torch.compile(penalised, backend=BACKEND, fullgraph=True)
    for name, found in gradients(compiled, smooth()).items():
        assert torch.allclose(found, plain[name], rtol=1e-6, atol=1e-7), name


def test_a_compiled_critic_within_a_compiled_loss_is_part_of_it() -> None:
    plain, critic = gradients(penalised, smooth()), smooth()
    critic.compile(backend=BACKEND)
    compiled = torch.compile(penalised, backend=BACKEND)
    for name, found in gradients(compiled, critic).items():
        assert torch.allclose(found, plain[name], rtol=1e-6, atol=1e-7), name


def in_place(critic: Smooth) -> nn.Module:
    critic.compile(backend=BACKEND)
    return critic


def inside(critic: Smooth) -> nn.Module:
    critic.body.compile(backend=BACKEND)
    return critic


WAYS: dict[str, Callable[[Smooth], Callable[[Tensor], Tensor]]] = {
    "wrapped": lambda critic: torch.compile(critic, backend=BACKEND),
    "in place": in_place,
    "a part": inside,
    "its call": lambda critic: torch.compile(critic.forward, backend=BACKEND),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_critic_that_is_compiled_by_itself_is_refused(way: str) -> None:
    critic = WAYS[way](smooth())
    with pytest.raises(UserError, match="which a compiled critic has not: compile") as caught:
        gradient_penalty(critic, *images(), torch.Generator().manual_seed(0))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("compiles", [False, True])
def test_our_critic_has_a_gradient_of_its_own(compiles: bool) -> None:
    found = []
    for in_place_too in (False, compiles):
        torch.manual_seed(0)
        critic = Critic(Trunk(SHAPE, 2, 4))
        if in_place_too:
            critic.compile(backend=BACKEND)
        x, x_gen = torch.rand(2, 3, *SHAPE, generator=torch.Generator().manual_seed(0))
        rng = torch.Generator().manual_seed(0)
        loss = critic_loss(critic, x, x_gen) + gradient_penalty(critic, x, x_gen, rng)
        loss.mean().backward()
        found.append([p.grad for p in critic.parameters() if p.grad is not None])
    assert len(found[0]) == len(found[1]) > 0
    for a, b in zip(*found, strict=True):
        assert torch.allclose(a, b, rtol=1e-5, atol=1e-6)


COMPILED = Compute(torch.device("cpu"), False, True)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person who compiles wherever it is, by what compiles in seconds."""
    monkeypatch.setenv("SSAVL_COMPILE", "1")
    monkeypatch.setattr(device, "BACKEND", BACKEND)


def test_networks_are_compiled_within_the_block_alone(asked: None) -> None:
    network, memory = smooth(), Memory(found=torch.zeros(2))
    names, (x, _) = list(network.state_dict()), images()
    plain = network(x)
    with compiled([network, memory], COMPILED):
        assert network._compiled_call_impl is not None
        assert list(network.state_dict()) == names
        assert torch.allclose(network(x), plain)
    assert network._compiled_call_impl is None
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0
    with compiled([network], Compute(torch.device("cpu"), False)):
        assert network._compiled_call_impl is None


def test_it_decides_bits_and_says_so(asked: None) -> None:
    plain = choose("cpu", "float32").kind
    assert choose("cpu", "float32", compiled=True).kind == {**plain, "compiled": BACKEND}
    assert "compiled" not in plain


@pytest.mark.parametrize("command", ["train-gan", "fit-encoders", "train", "train-extractor"])
def test_a_compiler_is_for_cuda_unless_somebody_insists(
    command: str, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSAVL_COMPILE", raising=False)
    result = invoke(command, *tiny_overrides(), "--compile", "--device", "cpu")
    assert result.exit_code == 1
    assert "--compile is for CUDA, and this run is on cpu" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_word_that_is_neither_is_a_bad_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSAVL_COMPILE", "perhaps")
    result = invoke("fit-encoders", "--dry-run")
    assert result.exit_code == 2
    assert "--compile" in result.stderr


def test_a_compiler_that_fails_is_one_line(
    data: Path, asked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Any:
        raise OSError("no Triton here")

    torch._dynamo.register_backend(compiler_fn=broken, name="broken")
    monkeypatch.setattr(device, "BACKEND", "broken")
    result = invoke("fit-encoders", *tiny_overrides())
    assert result.exit_code == 1
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error")]
    assert line.startswith("Error: --compile: the compiler fails (no Triton here): leave it out")


TRAININGS = {
    "fit-encoders": {},
    "train-gan": {"train_gan__ema_decay": 0.9, "train_gan__schedule": "interleaved"},
}


@pytest.mark.parametrize("command", TRAININGS)
def test_a_compiled_training_learns_the_same_and_resumes_to_its_bits(
    command: str, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = tiny_overrides(**TRAININGS[command])
    assert invoke(command, *overrides, "--out", "plain").exit_code == 0
    monkeypatch.setenv("SSAVL_COMPILE", "1")
    monkeypatch.setattr(device, "BACKEND", BACKEND)
    result = invoke(command, *overrides, "--out", "whole")
    assert result.exit_code == 0, result.output
    assert "resuming" not in result.stderr  # it is another run than the plain one
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0
    assert json.loads(Path("whole/run.json").read_text())["compiled"] == BACKEND
    logs = [read_log(Path(name, "log.csv")) for name in ("plain", "whole")]
    assert logs[0].keys() == logs[1].keys()
    for name, column in logs[0].items():
        assert logs[1][name] == pytest.approx(column, rel=1e-3, abs=1e-3), name
    own = playing.Playing.iterate

    def killed(self: playing.Playing) -> set[str]:
        if self.step == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return own(self)

    more = [*overrides, "--seed", "1"]
    assert invoke(command, *more, "--out", "expected").exit_code == 0
    for path in Path(".ssavl").glob(f"{command}-*.pt"):
        path.unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(playing.Playing, "iterate", killed)
        assert invoke(command, *more, "--out", "again").exit_code == 143
    torch._dynamo.reset()  # as in a new process
    assert invoke(command, *more, "--out", "again").exit_code == 0
    files = {path.name for path in Path("again").iterdir() if path.name != "run.json"}
    assert len(files) > 1
    for name in files:
        assert Path("again", name).read_bytes() == Path("expected", name).read_bytes(), name
