"""What benchmarks/naive.py computes is what ssavl computes: else its time would say nothing."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from ssavl.latents.priors import Block
from ssavl.latents.space import LatentSpace
from ssavl.networks.critic import Critic
from ssavl.networks.encoder import Encoder
from ssavl.networks.generator import ConvGenerator
from ssavl.networks.trunk import Trunk
from ssavl.objectives.invariances import Invariances
from ssavl.objectives.mutual_information import code_nll
from ssavl.objectives.wgan_gp import critic_loss, gradient_penalty

SHAPE = (1, 28, 28)
NOISE = LatentSpace([Block("noise", "noise", "normal", 16)])


@pytest.fixture(scope="module")
def naive() -> ModuleType:
    path = Path(__file__).parents[1] / "benchmarks/naive.py"
    spec = importlib.util.spec_from_file_location("naive", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    vars(module)["DEVICE"] = "cpu"  # whatever the suite runs on
    return module


def alike(ours: nn.Module, theirs: nn.Module) -> None:
    """Give them our weights, which come in the same order and shapes."""
    pairs = zip(ours.parameters(), theirs.parameters(), strict=True)
    with torch.no_grad():
        for own, other in pairs:
            other.copy_(own)


def same_gradients(ours: nn.Module, theirs: nn.Module) -> None:
    for own, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        if own.grad is not None and other.grad is not None:
            assert torch.allclose(own.grad, other.grad, atol=1e-5, rtol=1e-3)


def test_the_critics_loss_and_its_penalty(naive: ModuleType) -> None:
    torch.manual_seed(0)
    x, x_gen = torch.rand(2, 8, *SHAPE)
    critic = Critic(Trunk(SHAPE, 16, 256)).to(memory_format=torch.channels_last)
    study = naive.Study.__new__(naive.Study)
    study.critic = naive.Critic()
    alike(critic, study.critic)
    penalty = gradient_penalty(critic, x, x_gen, torch.Generator().manual_seed(7)).mean()
    torch.manual_seed(7)
    other = study.penalty(x, x_gen)
    assert penalty.item() == pytest.approx(other.item(), rel=1e-5)
    loss = critic_loss(critic, x, x_gen).mean()
    wanted = study.critic(x_gen).mean() - study.critic(x).mean()
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-4, abs=1e-6)
    (loss + 10 * penalty).backward()
    (wanted + 10 * other).backward()
    same_gradients(critic, study.critic)


def test_generator_and_encoder(naive: ModuleType) -> None:
    torch.manual_seed(0)
    space = LatentSpace([*NOISE.blocks, Block("code", "code", "uniform", 2)])
    generator = ConvGenerator(space, SHAPE, 16, 256, {}).to(memory_format=torch.channels_last)
    other = naive.Generator(18)
    alike(generator, other)
    latents = space.sample(8, torch.Generator().manual_seed(0))
    x, x_other = generator(latents), other(latents)
    assert torch.allclose(x, x_other, atol=1e-5)
    encoder, theirs = Encoder(Trunk(SHAPE, 16, 256), NOISE), naive.Encoder(16)
    alike(encoder, theirs)
    z = latents[:, :16]
    nll = code_nll(encoder.posterior(x), z)["noise"]
    mean, log_variance, _ = theirs(x_other)
    wanted = naive.gaussian_nll(mean, log_variance, z)
    assert torch.allclose(nll, wanted, rtol=1e-4)
    kl = encoder.posterior(x).kl()["noise"]
    assert torch.allclose(kl, naive.kl_normal(mean, log_variance), rtol=1e-4)
    nll.mean().backward()
    wanted.mean().backward()
    same_gradients(generator, other)
    same_gradients(encoder, theirs)


@pytest.mark.parametrize("wide", [False, True])
def test_transformations(naive: ModuleType, wide: bool) -> None:
    x = torch.rand(6, *SHAPE, generator=torch.Generator().manual_seed(0))
    own = Invariances(15, 0.15, 0.2, 0.08, noise=0.1)
    if wide:
        own = Invariances(25, 0.25, 0.4, 0.1, 0.1, contrast=0.3, gamma=0.5, noise=0.1)
    ours: Tensor = own(x, torch.Generator().manual_seed(3))
    torch.manual_seed(3)
    theirs = naive.widely_transformed(x) if wide else naive.transformed(x)
    assert torch.allclose(ours.clamp(0, 1) if wide else ours, theirs, atol=1e-4)
