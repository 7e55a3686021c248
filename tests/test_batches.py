"""Results do not depend on how much is computed at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ssavl.engine.averages import Averages
from ssavl.engine.device import choose
from ssavl.generators.pieces import InPieces
from ssavl.latents.posterior import joined
from ssavl.latents.priors import Block
from ssavl.latents.space import LatentSpace
from ssavl.networks.generator import ConvGenerator
from ssavl.runs.refit import refit
from tests.conftest import invoke, tiny_overrides

SPACE = LatentSpace(
    [
        Block("noise", "noise", "normal", 3),
        Block("code", "code", "uniform", 2),
        Block("category", "category", "categorical", 4),
    ]
)

ENCODERS = ("--encoders", "data/encoders")
DATA = "data/prepared"
GAN = ("--gan", "data/gan/generator.pt")

# A command that draws, with a batch size to fill in, and the file that it writes. A new one is one
# line here.
COMMANDS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "sample": (("sample", *GAN, "-n", "300", "-o", "x.npy", "--batch-size", "{}"), "x.npy"),
    "encode": (
        ("encode", *ENCODERS, DATA, "-o", "x.npz", "--batch-size", "{}"),
        "x.npz",
    ),
    "encode a part": (
        ("encode", "--encoders", "part", DATA, "-o", "x.npz", "--batch-size", "{}"),
        "x.npz",
    ),
    "reconstruct a part": (
        ("reconstruct", "--encoders", "part", DATA, "-o", "x.npy", "--batch-size", "{}"),
        "x.npy",
    ),
    "invert": (
        (
            "invert",
            *ENCODERS,
            DATA,
            "--refine",
            "3",
            "-o",
            "x.npz",
            "--batch-size",
            "{}",
        ),
        "x.npz",
    ),
    "score": (
        (
            "score",
            *ENCODERS,
            DATA,
            "--samples",
            "2",
            "-o",
            "x.npz",
            "--batch-size",
            "{}",
        ),
        "x.npz",
    ),
    "evaluate": (
        ("evaluate", *ENCODERS, "--set", "evaluate.batch_size={}"),
        "data/evaluate/metrics.json",
    ),
    "evaluate likelihood": (
        ("evaluate", "likelihood", *ENCODERS, "--set", "evaluate-likelihood.rows={}"),
        "data/evaluate/likelihood.json",
    ),
}
FEW = {
    "evaluate-likelihood.k": "[1, 10]",
    "evaluate-likelihood.temperatures": 4,
    "evaluate-likelihood.images": 6,
    "evaluate-likelihood.chains": 2,
}


def numbers(value: Any) -> Iterator[float]:
    """Every number of a document, in order, but for times and the batch size itself."""
    if isinstance(value, Mapping):
        for key, own in value.items():
            if key not in ("seconds", "rows", "batch_size"):
                yield from numbers(own)
    elif isinstance(value, list):
        for own in value:
            yield from numbers(own)
    elif isinstance(value, int | float):
        yield float(value)


def content(path: Path) -> list[np.ndarray]:
    if path.suffix == ".json":
        return [np.array(list(numbers(json.loads(path.read_text()))))]
    if path.suffix == ".npy":
        return [np.load(path).astype(np.float64)]
    loaded = np.load(path)
    return [loaded[name].astype(np.float64) for name in loaded if loaded[name].dtype.kind != "U"]


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize("name", COMMANDS)
def test_the_batch_size_decides_nothing(name: str) -> None:
    command, file = COMMANDS[name]
    if "part" in command:
        one = ("--set", "fit-encoders.encoders=code", "--out", "part")
        result = invoke("fit-encoders", *GAN, *tiny_overrides(), *one)
        assert result.exit_code == 0, result.output
    found = []
    for size in ("250", "7"):
        filled = [argument.format(size) for argument in command]
        few = [f"--set={key}={value}" for key, value in FEW.items()] if "likelihood" in name else []
        result = invoke(*filled, *tiny_overrides(), *few)
        assert result.exit_code == 0, result.output
        found.append(content(Path(file)))
    for whole, parts in zip(*found, strict=True):
        # kernels round by the size of a batch, and pixels of a file have 255 steps
        np.testing.assert_allclose(whole, parts, rtol=1e-4, atol=1.01 if "npy" in file else 1e-4)


def test_a_generator_in_pieces_is_the_same_function_with_the_same_gradient() -> None:
    torch.manual_seed(0)
    generator = ConvGenerator(SPACE, (1, 28, 28), 4, 8, {}).eval()
    latents = SPACE.sample(10, torch.Generator().manual_seed(0))
    found: list[tuple[Tensor, Tensor]] = []
    for made in (generator, InPieces(generator, 3)):
        z = latents.clone().requires_grad_(True)
        x = made(z)
        (slope,) = torch.autograd.grad(x.square().sum(), z)
        found.append((x, slope))
    torch.testing.assert_close(found[0][0], found[1][0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found[0][1], found[1][1], rtol=1e-4, atol=1e-5)


def test_posteriors_in_a_row_are_one() -> None:
    parameters = torch.randn(10, SPACE.parameter_size, generator=torch.Generator().manual_seed(0))
    whole = SPACE.posterior(parameters)
    parts = joined([SPACE.posterior(part) for part in parameters.split(3)])
    latents = SPACE.sample(10, torch.Generator().manual_seed(1))
    torch.testing.assert_close(whole.mode, parts.mode)
    for ours, theirs in (
        (whole.log_prob(latents), parts.log_prob(latents)),
        (whole.kl(), parts.kl()),
    ):
        for name, value in ours.items():
            torch.testing.assert_close(value, theirs[name])


def test_averaged_weights_get_statistics_of_their_own() -> None:
    torch.manual_seed(0)
    trained = ConvGenerator(SPACE, (1, 28, 28), 4, 8, {})
    averages = Averages({"generator": trained}, {"generator": 0.99})
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in trained.parameters():
            weight.mul_(3)
    trained.train()
    for _ in range(50):
        trained(SPACE.sample(50, rng))  # the statistics of the scaled network
    averages.follow(["generator"])
    average = averages["generator"]
    assert isinstance(average, ConvGenerator)
    refit(average, choose("cpu", "float32"))
    norms = [
        m for m in average.modules() if isinstance(m, torch.nn.BatchNorm2d | torch.nn.BatchNorm1d)
    ]
    seen: dict[int, Tensor] = {}
    for number, norm in enumerate(norms):
        norm.register_forward_hook(lambda _, given, __, n=number: seen.__setitem__(n, given[0]))
    with torch.no_grad():
        average.eval()(SPACE.sample(4000, rng))
    for number, norm in enumerate(norms):
        own = seen[number].transpose(0, 1).flatten(1)
        mean, variance = norm.running_mean, norm.running_var
        assert mean is not None
        assert variance is not None
        assert ((mean - own.mean(1)).abs() < 0.1 * own.std(1) + 1e-6).all()
        assert (variance / (own.var(1) + 1e-12)).log().abs().max() < 0.3
