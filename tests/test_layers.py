"""Layers that compute what PyTorch's do by other ways: against float64, and derivatives."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ssavl.networks import dense
from ssavl.networks.bilinear import Bilinear, back, forth
from ssavl.networks.critic import Critic
from ssavl.networks.dense import DENSE, Linear
from ssavl.networks.flat import Flat, Maps, unflat
from ssavl.networks.folding import folded
from ssavl.networks.strided import STRIDED, Doubling, Halving
from ssavl.networks.trunk import Trunk
from ssavl.objectives.invariances import _affine_grid

CLOSE = 2e-6  # relative, of float32 against float64


def relative(found: Tensor, exact: Tensor) -> float:
    return ((found.double() - exact).norm() / exact.norm()).item()


def pair(own: nn.Module, theirs: nn.Module) -> tuple[nn.Module, nn.Module]:
    """A layer of ours in float32, channels last, and PyTorch's in float64, of the same weights."""
    theirs.load_state_dict(own.state_dict())
    return own.to(memory_format=torch.channels_last), theirs.double()


LAYERS = {
    "halving, 1 channel": (Halving(1, 6), nn.Conv2d(1, 6, 4, 2, 1), (5, 1, 12, 12)),
    "halving, 3 channels": (Halving(3, 6), nn.Conv2d(3, 6, 4, 2, 1), (5, 3, 12, 12)),
    "halving, 8 channels": (Halving(8, 6), nn.Conv2d(8, 6, 4, 2, 1), (5, 8, 12, 12)),
    "doubling, 1 channel": (Doubling(6, 1), nn.ConvTranspose2d(6, 1, 4, 2, 1), (5, 6, 7, 7)),
    "doubling, 3 channels": (Doubling(6, 3), nn.ConvTranspose2d(6, 3, 4, 2, 1), (5, 6, 7, 7)),
    "doubling, no bias": (
        Doubling(6, 3, bias=False),
        nn.ConvTranspose2d(6, 3, 4, 2, 1, bias=False),
        (5, 6, 8, 4),
    ),
    "doubling, short": (Doubling(6, 12), nn.ConvTranspose2d(6, 12, 4, 2, 1), (5, 6, 7, 5)),
    "halving, short": (Halving(12, 6), nn.Conv2d(12, 6, 4, 2, 1), (5, 12, 10, 14)),
    "linear": (Linear(700, 130), nn.Linear(700, 130), (64, 700)),
    "linear, small": (Linear(7, 3), nn.Linear(7, 3), (2, 7)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_and_its_derivatives_are_pytorchs(name: str) -> None:
    torch.manual_seed(0)
    own, exact = pair(*LAYERS[name][:2])
    x = torch.randn(LAYERS[name][2], requires_grad=True)
    x64 = x.detach().double().requires_grad_(True)
    y, y64 = own(x), exact(x64)
    assert relative(y, y64.detach()) < CLOSE
    weight = torch.randn_like(y)
    found = torch.autograd.grad((y * weight).sum(), [x, *own.parameters()])
    wanted = torch.autograd.grad((y64 * weight).sum(), [x64, *exact.parameters()])
    for one, other in zip(found, wanted, strict=True):
        assert relative(one, other) < CLOSE
    with torch.no_grad():
        assert relative(own(x), y64.detach()) < CLOSE


@pytest.mark.parametrize("maps", [STRIDED, DENSE], ids=["strided", "dense"])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_three_maps_are_differentiable_to_second_order(
    maps: Bilinear, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # oneDNN's product has no float64; what is checked is which map follows which
    monkeypatch.setattr(dense, "_product", lambda a, b, bias=None: a @ b.t())
    torch.manual_seed(0)
    shapes = {
        STRIDED: ((2, channels, 6, 4), (3, channels, 4, 4), (2, 3, 3, 2)),
        DENSE: ((3, 4), (2, 4), (3, 2)),
    }
    x, w, y = (torch.randn(s, dtype=torch.float64, requires_grad=True) for s in shapes[maps])
    for function, inputs in ((forth, (x, w)), (back, (y, w))):
        assert torch.autograd.gradcheck(lambda a, b, f=function: f(maps, a, b), inputs)
        assert torch.autograd.gradgradcheck(lambda a, b, f=function: f(maps, a, b), inputs)


@pytest.mark.parametrize("rows", [1, 64])
def test_the_other_matrix_product_is_the_usual_one(rows: int) -> None:
    """Whether or not this machine's PyTorch has it: what is large enough takes it."""
    torch.manual_seed(0)
    layer, x = Linear(1568, 256), torch.randn(rows, 1568)
    assert torch.allclose(layer(x), nn.functional.linear(x, layer.weight, layer.bias), atol=1e-4)
    y = torch.randn(rows, 256)
    assert torch.allclose(layer.pulled_back(y), y @ layer.weight, atol=1e-4)


def test_maps_keep_their_memory_format_both_ways() -> None:
    x = torch.randn(3, 4, 2, 5).contiguous(memory_format=torch.channels_last).requires_grad_(True)
    flat = Flat()(x)
    assert torch.equal(flat, x.contiguous().view(3, -1))
    (gradient,) = torch.autograd.grad((flat * flat.detach()).sum(), x)
    assert torch.equal(gradient, x)
    assert gradient.is_contiguous(memory_format=torch.channels_last)
    again = unflat(flat, x)
    assert torch.equal(again, x)
    assert again.is_contiguous(memory_format=torch.channels_last)
    made = Maps((4, 2, 5))(flat)
    assert torch.equal(made, x)
    assert made.is_contiguous(memory_format=torch.channels_last)
    assert torch.autograd.gradgradcheck(
        lambda v: unflat(Flat()(unflat(v, x)) ** 2, x), flat.detach().double().requires_grad_(True)
    )


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32)])
def test_a_critics_gradient_is_autograds_and_so_is_its_derivative(
    shape: tuple[int, int, int],
) -> None:
    torch.manual_seed(0)
    critic = Critic(Trunk(shape, 4, 16)).double().to(memory_format=torch.channels_last)
    x = torch.rand(6, *shape, dtype=torch.float64)
    taken = x.clone().requires_grad_(True)
    scores = critic.score(critic.trunk(taken)).squeeze(-1)  # in float64, which forward rounds
    (wanted,) = torch.autograd.grad(scores.sum(), taken, create_graph=True)
    found = critic.trunk.pulled_back(
        [own.detach() for own in critic.trunk.results(x)], critic.score.weight.expand(6, -1)
    )
    assert relative(found.detach(), wanted.detach()) < 1e-12
    assert torch.equal(critic.gradient(x), found.float())
    weights = [own for own in critic.parameters() if own.ndim > 1]
    pairs = zip(
        torch.autograd.grad((found.flatten(1).norm(dim=1) - 1).square().sum(), weights),
        torch.autograd.grad((wanted.flatten(1).norm(dim=1) - 1).square().sum(), weights),
        strict=True,
    )
    for own, theirs in pairs:
        assert relative(own, theirs) < 1e-12


def test_networks_take_torch_func_and_a_compiler() -> None:
    """Both see PyTorch's own layers: they cannot look into ours."""
    torch.manual_seed(0)
    critic = Critic(Trunk((1, 28, 28), 2, 8))
    x = torch.rand(3, 1, 28, 28)
    eager = torch.autograd.grad(critic(x.requires_grad_(True)).sum(), x)[0]
    transformed = torch.func.grad(lambda images: critic(images).sum())(x.detach())
    assert torch.allclose(eager, transformed, atol=1e-6)
    per_sample = torch.func.vmap(torch.func.grad(lambda one: critic(one[None]).sum()))(x.detach())
    assert torch.allclose(eager, per_sample, atol=1e-6)
    compiled = torch.compile(critic, backend="aot_eager", fullgraph=True)
    assert torch.allclose(compiled(x), critic(x), atol=1e-6)


def test_the_grid_of_affine_maps_is_pytorchs() -> None:
    maps = torch.randn(5, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    wanted = nn.functional.affine_grid(maps, [5, 1, 7, 9], align_corners=False)
    assert torch.allclose(_affine_grid(maps, 7, 9), wanted, atol=1e-14)


class Twice(nn.Module):
    """A network of one's own around a chain of layers."""

    def __init__(self) -> None:
        super().__init__()
        self.chain = nn.Sequential(
            nn.Linear(5, 8),
            nn.BatchNorm1d(8),
            nn.ReLU(),
            nn.Unflatten(1, (2, 2, 2)),
            nn.ConvTranspose2d(2, 6, 4, 2, 1, bias=False),
            nn.BatchNorm2d(6, affine=False),
            nn.Conv2d(6, 4, 3),
            nn.BatchNorm2d(4, track_running_stats=False),
            nn.Conv2d(4, 3, 1),
            nn.BatchNorm2d(3),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.chain(x) + 1


def test_a_folded_network_computes_the_same_without_its_batch_norms() -> None:
    torch.manual_seed(0)
    network = Twice().double()
    for _ in range(3):
        network(torch.randn(16, 5, dtype=torch.float64))  # statistics
    network.eval()
    x = torch.randn(4, 5, dtype=torch.float64, requires_grad=True)
    before = {name: own.clone() for name, own in network.state_dict().items()}
    still = folded(network)
    assert torch.allclose(still(x), network(x), atol=1e-12)
    ours, theirs = (torch.autograd.grad(own(x).square().sum(), x)[0] for own in (still, network))
    assert torch.allclose(ours, theirs, atol=1e-10)
    kept = [part for part in still.modules() if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d)]
    assert [part.track_running_stats for part in kept] == [False]  # the batch's own are not folded
    assert all(torch.equal(own, before[name]) for name, own in network.state_dict().items())
    network.train()
    assert folded(network) is network
