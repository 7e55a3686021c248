"""Networks for every size and number of channels."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ssavl.errors import UserError
from ssavl.latents.priors import Block
from ssavl.latents.space import LatentSpace
from ssavl.methods.networks import trunk
from ssavl.networks.critic import Critic
from ssavl.networks.encoder import Encoder
from ssavl.networks.generator import ConvGenerator
from ssavl.networks.layout import layout
from ssavl.networks.trunk import Trunk
from ssavl.params.shared import EncoderParams, TrunkParams

SPACE = LatentSpace(
    [Block("noise", "noise", "normal", 5), Block("category", "category", "categorical", 3)]
)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [28, 32, 64, 128])
def test_shapes_and_ranges(size: int, channels: int) -> None:
    shape = (channels, size, size)
    generator = ConvGenerator(SPACE, shape, 2, 8, {})
    x = generator(SPACE.sample(3, torch.Generator().manual_seed(0)))
    assert x.shape == (3, *shape)
    assert x.min() >= 0
    assert x.max() <= 1
    assert Critic(Trunk(shape, 2, 8))(x).shape == (3,)
    encoder = Encoder(Trunk(shape, 2, 8), SPACE)
    assert encoder(x).shape == (3, SPACE.parameter_size)
    assert encoder.posterior(x).mode.shape == (3, SPACE.dim)


def test_networks_return_float32_under_autocast() -> None:
    shape = (1, 28, 28)
    with torch.autocast("cpu", torch.bfloat16):
        x = ConvGenerator(SPACE, shape, 2, 8, {})(SPACE.sample(3, torch.Generator().manual_seed(0)))
        outputs = (x, Critic(Trunk(shape, 2, 8))(x), Encoder(Trunk(shape, 2, 8), SPACE)(x))
    assert all(output.dtype == torch.float32 for output in outputs)


def test_critic_and_encoder_treat_every_image_alone() -> None:
    trunk = Trunk((1, 28, 28), 4, 8)
    assert not any(
        isinstance(part, nn.modules.batchnorm._BatchNorm) for part in Critic(trunk).modules()
    )
    x = torch.rand(4, 1, 28, 28)
    critic = Critic(trunk).train()
    assert torch.allclose(critic(x)[:2], critic(x[:2]), atol=1e-6)


def test_width_sets_the_channels_and_they_stop_growing() -> None:
    assert layout((1, 28, 28), 16).channels == (16, 32)
    assert layout((3, 128, 128), 16).channels == (16, 32, 64, 128, 128)
    assert layout((1, 28, 28), 16).base == 7


@pytest.mark.parametrize("base", [4, 5, 6, 7])
@pytest.mark.parametrize("depth", [2, 3, 4])
def test_4_to_7_times_a_power_of_two_from_4_up_is_a_possible_size(base: int, depth: int) -> None:
    size = base * 2**depth
    found = layout((1, size, size), 2)
    assert (found.base, len(found.channels)) == (base, depth)
    x = ConvGenerator(SPACE, (1, size, size), 2, 8, {})(torch.zeros(2, SPACE.dim))
    assert x.shape == (2, 1, size, size)


@pytest.mark.parametrize(("size", "nearest"), [(14, 16), (21, 20), (30, 28), (66, 64), (100, 96)])
def test_impossible_sizes_name_the_nearest_possible_one(size: int, nearest: int) -> None:
    with pytest.raises(ValueError, match=f"images of {size} pixels .*; the nearest is {nearest}$"):
        layout((1, size, size), 2)


def test_images_that_are_no_squares_are_refused() -> None:
    with pytest.raises(ValueError, match="images must be square, not 28 x 32"):
        layout((1, 28, 32), 2)


def test_block_gain_scales_one_block_at_the_input() -> None:
    torch.manual_seed(0)
    loud = ConvGenerator(SPACE, (1, 28, 28), 2, 8, {}).eval()
    quiet = ConvGenerator(SPACE, (1, 28, 28), 2, 8, {"noise": 0.5}).eval()
    quiet.load_state_dict({**loud.state_dict(), "gain": quiet.gain})
    latents = SPACE.sample(3, torch.Generator().manual_seed(0))
    halved = latents.clone()
    halved[:, :5] *= 0.5
    assert torch.equal(quiet(latents), loud(halved))
    with pytest.raises(ValueError, match="nois"):
        ConvGenerator(SPACE, (1, 28, 28), 2, 8, {"nois": 0.5})


def test_config_rebuilds_the_network() -> None:
    generator = ConvGenerator(SPACE, (3, 32, 32), 2, 8, {"noise": 0.3})
    again = ConvGenerator.from_config(generator.config)
    again.load_state_dict(generator.state_dict())
    assert again.config == generator.config
    encoder = Encoder(Trunk((3, 32, 32), 2, 8), SPACE)
    assert Encoder.from_config(encoder.config).config == encoder.config


@pytest.mark.parametrize(("side", "stem"), [(28, 1), (64, 1), (128, 2), (256, 4), (512, 8)])
def test_an_encoder_reads_large_images_in_blocks_and_a_critic_does_not(
    side: int, stem: int
) -> None:
    shape = (3, side, side)
    with torch.device("meta"):
        assert trunk(EncoderParams(width=2, features=8), shape).stem == stem
        assert trunk(TrunkParams(width=2, features=8), shape).stem == 1
        assert side < 64 or trunk(EncoderParams(width=2, features=8, stem=2), shape).stem == 2


def test_an_encoder_of_blocks_is_rebuilt_and_its_gradient_is_autograds() -> None:
    torch.manual_seed(0)
    encoder = Encoder(Trunk((3, 64, 64), 2, 8, stem=2), SPACE)
    x = torch.rand(3, 3, 64, 64, requires_grad=True)
    again = Encoder.from_config(encoder.config)
    again.load_state_dict(encoder.state_dict())
    assert torch.equal(again(x), encoder(x))
    results = encoder.trunk.results(x)
    cotangents = torch.randn(3, 8)
    (wanted,) = torch.autograd.grad((results[-1] * cotangents).sum(), x)
    assert torch.allclose(encoder.trunk.pulled_back(results, cotangents), wanted, atol=1e-6)
    assert "stem" not in Encoder(Trunk((3, 64, 64), 2, 8), SPACE).config


def test_blocks_that_do_not_divide_an_image_are_refused() -> None:
    with pytest.raises(ValueError, match="blocks of 8 pixels do not divide images of 28 x 28"):
        Trunk((1, 28, 28), 2, 8, stem=8)
    told = {**Encoder(Trunk((3, 64, 64), 2, 8, stem=2), SPACE).config, "stem": 3}
    with pytest.raises(UserError, match="blocks of 3 pixels do not divide"):
        Encoder.from_config(told)
