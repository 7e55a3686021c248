"""Batches in pieces, activations that are computed again, the largest batch that fits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ssavl.engine import device
from ssavl.engine.act import Act
from ssavl.engine.device import Compute, choose
from ssavl.engine.phase import Phase
from ssavl.engine.playing import Playing
from ssavl.errors import UserError
from ssavl.generators.foreign import ForeignGenerator
from ssavl.latents.priors import Block
from ssavl.latents.space import LatentSpace
from ssavl.methods.shared import Recomputed
from ssavl.models.files import load_encoders
from ssavl.networks.generator import ConvGenerator
from ssavl.params.shared import OptimisationParams
from ssavl.runs import batch_size
from ssavl.runs.batch_size import largest, measured
from tests.conftest import invoke, tiny_overrides

CPU = choose("cpu", "float32")
SPACE = LatentSpace([Block("noise", "noise", "normal", 6)])


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


class Own(nn.Module):
    """A network of somebody else."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 48), nn.ELU(), nn.Linear(48, 48), nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z).view(-1, 3, 4, 4)


GENERATORS: dict[str, Callable[[], nn.Module]] = {
    "ours": lambda: ConvGenerator(SPACE, (1, 28, 28), 4, 16, {}),
    "a stranger's": lambda: ForeignGenerator(
        Own(), SPACE, (6,), (-1.0, 1.0), (3, 4, 4), False, "module"
    ),
}


@pytest.mark.parametrize("name", GENERATORS)
def test_activations_computed_again_change_no_bit_and_take_less(name: str) -> None:
    torch.manual_seed(0)
    generator = GENERATORS[name]().eval().requires_grad_(False)
    latents = torch.randn(16, 6, requires_grad=True)
    found, kept = [], []
    for own in (generator, Recomputed(generator)):  # type: ignore[arg-type]
        sizes: list[int] = []

        def keep(tensor: Tensor, sizes: list[int] = sizes) -> Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            x = own(latents)
        (gradient,) = torch.autograd.grad(x.square().sum(), latents)
        found.append((x, gradient))
        kept.append(sum(sizes))
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])
    assert kept[1] < kept[0] / 4


def test_encoders_learn_the_same_with_activations_computed_again(data: Path) -> None:
    weights = []
    for value in ("false", "true"):
        few = ["--objective", "elbo", "--set", f"fit-encoders.recompute={value}"]
        result = invoke("fit-encoders", *tiny_overrides(), *few, "--out", value)
        assert result.exit_code == 0, result.output
        weights.append(load_encoders(Path(value)).state_dict())
    assert all(torch.equal(own, weights[1][name]) for name, own in weights[0].items())


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
