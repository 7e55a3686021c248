"""A generator whose activations are computed again: the same bits, and less that is alive."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from ssavl.generators.description import Description
from ssavl.generators.memory import as_generator
from ssavl.generators.recomputed import Recomputed
from ssavl.methods.networks import latent_space
from ssavl.networks.generator import ConvGenerator, GeneratorNetwork
from ssavl.objectives.likelihood import Likelihood
from ssavl.params.stages import FitEncodersParams, RetrainRParams
from ssavl.runs.fitting import dreaming, joint
from ssavl.runs.subject import Subject
from tests.conftest import invoke, tiny_overrides
from tests.methods import SHAPE, TRUNK, common, draws, play
from tests.strangers import DCGAN, MLP, trained


class Block(nn.Module):
    """A residual block that begins by writing into its input, as many do."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(width, width, 3, padding=1),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(width, width, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Residual(nn.Module):
    """Blocks in a row, each with a row of its own, and layers that no row has."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.start = nn.Linear(6, width * 32 * 32)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(6)), nn.LeakyReLU(0.2))
        self.last = nn.Conv2d(width, 1, 3, padding=1)
        self.width = width

    def forward(self, z: Tensor) -> Tensor:
        x = self.blocks(self.start(z).view(-1, self.width, 32, 32))
        return torch.tanh(self.last(x))


class Plain(nn.Module):
    """No row of layers at all, and noise of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 64), nn.Linear(64, 32 * 32)

    def forward(self, z: Tensor) -> Tensor:
        h = torch.relu(self.first(z))
        h = h + 0.1 * torch.randn_like(h)
        return torch.tanh(self.second(h)).view(-1, 1, 32, 32)


def ours() -> GeneratorNetwork:
    torch.manual_seed(0)
    space = latent_space(common(draws()).latents)
    return ConvGenerator(space, SHAPE, 8, 16, {}).eval().requires_grad_(False)


def strange(network: Callable[[], nn.Module]) -> GeneratorNetwork:
    torch.manual_seed(0)
    return as_generator(trained(network()).eval(), Description())


KINDS: dict[str, Callable[[], GeneratorNetwork]] = {
    "ours": ours,
    "dcgan": lambda: strange(DCGAN),
    "mlp": lambda: strange(MLP),
    "residual": lambda: strange(Residual),
    "plain": lambda: strange(Plain),
}


def pulled(generator: Any, latents: Tensor) -> tuple[Tensor, Tensor]:
    """Images, and a gradient through them."""
    z = latents.clone().requires_grad_(True)
    torch.manual_seed(1)
    x = generator(z)
    (gradient,) = torch.autograd.grad((x * x.detach().cos()).sum(), z)
    return x.detach(), gradient


@pytest.mark.parametrize("kind", KINDS)
def test_images_and_gradients_have_the_same_bits(kind: str) -> None:
    generator = KINDS[kind]()
    latents = generator.draw(5, torch.Generator().manual_seed(0))
    state = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    for _ in range(2):
        pairs = zip(pulled(generator, latents), pulled(Recomputed(generator), latents), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)
    assert all(torch.equal(state[name], own) for name, own in generator.state_dict().items())
    assert not [module for module in generator.modules() if "forward" in vars(module)]
    with torch.no_grad():
        torch.manual_seed(1)
        plain = generator(latents)
        torch.manual_seed(1)
        assert torch.equal(Recomputed(generator)(latents), plain)


class Alive(TorchDispatchMode):
    """Bytes of tensors that operators made, now and at most."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self.known: weakref.WeakSet[Any] = weakref.WeakSet()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for own in made if isinstance(made, (tuple, list)) else (made,):
            if isinstance(own, Tensor):
                self.note(own.untyped_storage())
        return made

    def note(self, storage: Any) -> None:
        if storage not in self.known:
            size = storage.nbytes()
            self.known.add(storage)
            self.now += size
            self.most = max(self.most, self.now)
            weakref.finalize(storage, self.free, size)

    def free(self, size: int) -> None:
        self.now -= size


def kept(generator: Any, latents: Tensor) -> int:
    """Bytes that wait for the way back."""
    sizes: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        if not isinstance(tensor, nn.Parameter):
            storage = tensor.untyped_storage()
            sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda own: own):
        x = generator(latents.clone().requires_grad_(True))
    assert x.requires_grad
    return sum(sizes.values())


def most(generator: Any, latents: Tensor) -> int:
    """Bytes alive at most, forth and back."""
    with Alive() as alive:
        pulled(generator, latents)
    return alive.most


@pytest.mark.parametrize(
    ("kind", "of_kept", "of_most"),
    [("ours", 0.5, 0.9), ("dcgan", 0.3, 0.9), ("residual", 0.55, 0.75)],
)
def test_less_is_kept_and_less_is_alive_at_once(kind: str, of_kept: float, of_most: float) -> None:
    generator = KINDS[kind]()
    latents = generator.draw(64, torch.Generator().manual_seed(0))
    again = Recomputed(generator)
    assert kept(again, latents) < of_kept * kept(generator, latents)
    assert most(again, latents) < of_most * most(generator, latents)


@pytest.mark.parametrize("kind", ["ours", "dcgan", "residual"])
@pytest.mark.parametrize("what", ["elbo", "both", "joint"])
def test_a_fit_learns_the_same_bits(kind: str, what: str) -> None:
    found: list[list[Tensor]] = []
    for recompute in (False, True):
        generator = KINDS[kind]()
        rng = torch.Generator().manual_seed(0)
        subject = Subject(generator, Likelihood(), 1.0, rng)
        fit: dict[str, Any] = {"batch_size": 4, "recompute": recompute, "iterations": 2}
        objective = "elbo" if what == "joint" else what
        method, model = dreaming(
            subject, FitEncodersParams(**fit, objective=objective, encoder=TRUNK), {}
        )
        if what == "joint":
            method = joint(subject, RetrainRParams(**fit), model, None)
        playing = play(method)
        while not playing.done:
            playing.iterate()
        logged = [torch.tensor(value) for value in playing.take_row().values()]
        found.append([*logged, *(p.detach() for p in model.parameters())])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_fits_by_command_log_the_same(data: Path) -> None:
    for command, section in (("fit-encoders", "fit_encoders"), ("retrain-R", "retrain_R")):
        for recompute in ("false", "true"):
            more = {f"{section}__recompute": recompute}
            result = invoke(command, *tiny_overrides(**more), "--out", recompute)
            assert result.exit_code == 0, result.output
        logs = [Path(name, "log.csv").read_bytes() for name in ("false", "true")]
        assert logs[0] == logs[1]
