"""Weights as people save them, for a network that is guessed and for one that a factory makes."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ssavl.generators.load import load_generator
from ssavl.generators.source import GeneratorSource
from ssavl.generators.statistics import statistics
from ssavl.storage.weights import weights_hash
from tests import strangers
from tests.conftest import invoke

State = dict[str, Tensor]


class Discriminator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(1, 4, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2),
            nn.Conv2d(4, 8, 4, 2, 1, bias=False),
            nn.BatchNorm2d(8),
            nn.Conv2d(8, 1, 4, 1, 0, bias=False),
        )


def generator() -> nn.Module:
    return strangers.trained(strangers.DCGAN(nc=1))


def prefixed(prefix: str, state: State) -> State:
    return {f"{prefix}{name}": value for name, value in state.items()}


def optimiser(network: nn.Module) -> dict[str, Any]:
    adam = torch.optim.Adam(network.parameters())
    for weight in network.parameters():
        weight.grad = torch.ones_like(weight)
    adam.step()
    return adam.state_dict()


def general(state: State) -> dict[str, Any]:
    spare = generator()
    return {
        "epoch": 5,
        "model_state_dict": state,
        "optimizer_state_dict": optimiser(spare),
        "loss": torch.tensor(0.3),
    }


# A way of saving a network's state. A new one is one line.
SAVED: dict[str, Callable[[State], Any]] = {
    "bare": lambda state: state,
    "DataParallel": lambda state: prefixed("module.", state),
    "compiled": lambda state: prefixed("_orig_mod.", state),
    "compiled, then DataParallel": lambda state: prefixed("module._orig_mod.", state),
    "DataParallel, then compiled": lambda state: prefixed("_orig_mod.module.", state),
    "DeepSpeed": lambda state: {"module": prefixed("_forward_module.", state)},
    "FSDP": lambda state: prefixed("_fsdp_wrapped_module.", state),
    "averaged": lambda state: {"n_averaged": torch.tensor(3), **prefixed("module.", state)},
    "nested": lambda state: {"epoch": 3, "models": {"G": state}},
    "general": general,
    "Lightning": lambda state: {
        "state_dict": {
            **prefixed("generator.", state),
            **prefixed("discriminator.", Discriminator().state_dict()),
        },
        "hyper_parameters": {"lr": 0.1},
    },
    "Lightning, compiled inside": lambda state: {
        "state_dict": {
            **prefixed("netG._orig_mod.", state),
            **prefixed("netD._orig_mod.", Discriminator().state_dict()),
        }
    },
    "both networks": lambda state: {"netG": state, "netD": Discriminator().state_dict()},
    "a list of both": lambda state: [state, Discriminator().state_dict()],
    "lists at depth": lambda state: {"runs": [{"nets": (state, {"lr": 0.1})}]},
    "an average just begun": lambda state: {
        "g": state,
        "g_ema": {name: value.clone() for name, value in state.items()},
    },
    "half precision": lambda state: {
        name: value.half() if value.is_floating_point() else value for name, value in state.items()
    },
    "without counters": lambda state: {
        name: value for name, value in state.items() if "num_batches" not in name
    },
}
FACTORY = """
import sys
sys.path.insert(0, {root!r})
from tests import strangers

def make():
    return strangers.DCGAN(nc=1)
"""


def factory() -> str:
    Path("net.py").write_text(FACTORY.format(root=str(Path(__file__).parents[1])))
    return "net.py:make"


@pytest.mark.parametrize("known", ["guessed", "made"])
@pytest.mark.parametrize("way", SAVED)
def test_the_network_finds_its_weights(way: str, known: str) -> None:
    network = generator()
    torch.save(SAVED[way](network.state_dict()), "saved.pth")
    source = GeneratorSource("saved.pth")
    if known == "made":
        source = GeneratorSource(factory(), Path("saved.pth"))
    found = load_generator(source)
    z = torch.randn(8, 6, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = (network(z[:, :, None, None]) + 1) / 2
        tolerance = 0.01 if way == "half precision" else 1e-5
        assert (found(z) - expected).abs().max() < tolerance


def test_an_attribute_that_is_called_module_stays_what_it_is() -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = strangers.MLP()

    from ssavl.generators import states

    network = Named()
    torch.save(network.state_dict(), "saved.pth")
    other = Named()
    payload = torch.load("saved.pth", weights_only=True)
    found = states.choose(payload, "saved.pth", None, states.loader(other), "it")
    assert weights_hash(found) == weights_hash(network)
    twice = prefixed("module.", payload)
    found = states.choose(twice, "saved.pth", None, states.loader(Named()), "it")
    assert weights_hash(found) == weights_hash(network)


@pytest.mark.parametrize("known", ["guessed", "made"])
def test_of_several_that_fit_a_person_chooses_and_no_moment_is_offered(known: str) -> None:
    network, other = generator(), generator()
    with torch.no_grad():
        for weight in other.parameters():
            weight.mul_(0.5)
    payload = {"g": network.state_dict(), "g_ema": other.state_dict(), "opt": optimiser(network)}
    torch.save(payload, "saved.pth")
    gan = ["--gan", "saved.pth"]
    if known == "made":
        gan = ["--gan", factory(), "--weights", "saved.pth"]
    result = invoke("inspect", *gan)
    assert result.exit_code == 1
    assert "choose one with --key 'g' or 'g_ema'" in result.stderr
    assert "exp_avg" not in result.stderr
    assert invoke("inspect", *gan, "--key", "g_ema").exit_code == 0
    result = invoke("inspect", *gan, "--key", "nowhere")
    assert result.exit_code == 1
    assert "no weights under --key nowhere" in result.stderr


@pytest.mark.parametrize("key", ["generator", "state_dict.generator", "state_dict"])
def test_a_key_may_be_a_prefix_inside_a_flat_dict(key: str) -> None:
    torch.save(SAVED["Lightning"](generator().state_dict()), "saved.ckpt")
    for gan in (["saved.ckpt"], [factory(), "--weights", "saved.ckpt"]):
        result = invoke("inspect", "--gan", *gan, "--key", key)
        assert result.exit_code == 0, result.output


ODD: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "sparse": lambda value: value.to_sparse(),
    "meta": lambda value: value.to("meta"),
    "complex": lambda value: value.to(torch.complex64),
}


@pytest.mark.parametrize("odd", ODD)
def test_tensors_that_are_no_dense_numbers_are_refused_in_one_line(odd: str) -> None:
    state = generator().state_dict()
    state["main.0.weight"] = ODD[odd](state["main.0.weight"])
    torch.save(state, "saved.pth")
    for gan in (["saved.pth"], [factory(), "--weights", "saved.pth"]):
        result = invoke("inspect", "--gan", *gan)
        assert result.exit_code == 1
        assert len(result.stderr.splitlines()) == 1
        assert "saved.pth" in result.stderr or "main.0.weight" in result.stderr


def test_weights_of_another_network_say_what_does_not_fit() -> None:
    torch.save(strangers.DCGAN(nc=1, ngf=8).state_dict(), "saved.pth")
    result = invoke("inspect", "--gan", factory(), "--weights", "saved.pth")
    assert result.exit_code == 1
    assert "main.0.weight is (6, 32, 4, 4), where (6, 16, 4, 4) is needed" in result.stderr
    torch.save({"opt": optimiser(generator()), "loss": torch.tensor(1.0)}, "saved.pth")
    result = invoke("inspect", "--gan", "saved.pth")
    assert result.exit_code == 1
    assert "there are none" in result.stderr
    assert result.stderr.count("\n") == 1


def test_the_way_out_of_a_pickle_works() -> None:
    payload = {
        "state_dict": generator().state_dict(),
        "hyper_parameters": argparse.Namespace(lr=0.1),
    }
    torch.save(payload, "saved.ckpt")
    result = invoke("inspect", "--gan", "saved.ckpt")
    assert result.exit_code == 1
    assert "argparse.Namespace" in result.stderr
    command = result.stderr.split("save its weights alone: ")[1].split("; then --gan")[0]
    program = f"{sys.executable} {command.removeprefix('python ')}"
    subprocess.run(program, shell=True, check=True)
    assert invoke("inspect", "--gan", "weights.pth").exit_code == 0


@pytest.mark.parametrize(
    ("change", "wrong"),
    [("right", False), ("leaky", True), ("epsilon", True), ("uniform", True), ("untouched", True)],
)
def test_stored_statistics_tell_what_weights_cannot(change: str, wrong: bool) -> None:
    network = strangers.DCGAN(nc=1, ngf=16)
    if change == "leaky":
        for index, module in enumerate(network.main):
            if isinstance(module, nn.ReLU):
                network.main[index] = nn.LeakyReLU(0.2)
    if change == "epsilon":
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps = 0.3
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # all batches count the same
    network.train()
    with torch.no_grad():
        for weight in network.parameters():
            if weight.ndim > 1:
                weight.normal_(0, 0.1)
        for _ in range(20):
            network(torch.randn(128, 6, 1, 1))
    state = network.eval().state_dict()
    if change == "untouched":
        state = {
            name: torch.zeros_like(v) if name.endswith("mean") else v for name, v in state.items()
        }
        state |= {n: torch.ones_like(v) for n, v in state.items() if n.endswith("running_var")}
    torch.save(state, "saved.pth")
    flags = ["--latent-dim", "6", "--prior", "uniform"] if change == "uniform" else []
    result = invoke("inspect", "--gan", "saved.pth", *flags)
    assert result.exit_code == 0, result.output
    assert ("NOT those of prior draws" in result.stdout) == wrong
    assert "ReLU between layers, tanh at the end" in result.stdout
    if change == "leaky":
        right = invoke("inspect", "--gan", "saved.pth", "--gan-arg", "slope=0.2", "--write")
        assert "NOT those" not in right.stdout
        found = load_generator(GeneratorSource("saved.pth"))  # as the description says now
        stored = statistics(found)
        assert stored is not None
        assert not stored.wrong
