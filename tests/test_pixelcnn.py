"""PixelCNN: no pixel sees what comes after it, and its probabilities are those of all images."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from ssavl.latents.priors import Block
from ssavl.latents.space import LatentSpace
from ssavl.networks.pixelcnn import PixelCnn

CODE = LatentSpace([Block("category", "category", "categorical", 3)])


def network(shape: tuple[int, int, int], depth: int = 2) -> PixelCnn:
    torch.manual_seed(0)
    made = PixelCnn(CODE, shape, width=6, depth=depth).double().eval()
    for parameter in made.parameters():  # large, so that everything that can matter does
        torch.nn.init.normal_(parameter, std=0.5)
    return made


def codes(n: int) -> Tensor:
    return CODE.sample(n, torch.Generator().manual_seed(0)).double()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("depth", [0, 2])
def test_no_pixel_depends_on_itself_or_a_later_one(channels: int, depth: int) -> None:
    height, side = 6, 7
    own = network((channels, height, side), depth)
    x = torch.rand(1, channels, height, side, dtype=torch.float64).round()
    before = own.logits(x, codes(1))
    for place in range(height * side):
        row, column = divmod(place, side)
        other = x.clone()
        other[:, :, row, column] = 1 - other[:, :, row, column]
        changed = (own.logits(other, codes(1)) != before).any(1).flatten()
        assert not changed[: place + 1].any()
        if column + 1 < side:
            assert changed[place + 1]  # what comes next sees it
        if row + 1 < height:
            assert changed[place + side]


def every_image(channels: int, height: int, side: int) -> Tensor:
    pixels = channels * height * side
    bits = list(itertools.product([0.0, 1.0], repeat=pixels))
    return torch.tensor(bits, dtype=torch.float64).view(-1, channels, height, side)


@pytest.mark.parametrize("shape", [(1, 2, 2), (3, 2, 2)])
def test_probabilities_of_all_images_sum_to_one(shape: tuple[int, int, int]) -> None:
    images = every_image(*shape)
    for code in torch.eye(3, dtype=torch.float64):
        p = network(shape).log_prob(images, code.expand(len(images), -1)).exp()
        assert p.sum().item() == pytest.approx(1, abs=1e-6)


def test_draws_have_these_probabilities() -> None:
    shape, n = (1, 2, 2), 40_000
    own, images = network(shape), every_image(1, 2, 2)
    code = torch.eye(3, dtype=torch.float64)[:1]
    rng = torch.Generator().manual_seed(1)
    chance = torch.randn(n, 4, generator=rng, dtype=torch.float64)
    drawn = own(torch.cat([code.expand(n, -1), chance], 1)).flatten(1)
    frequency = (drawn[:, None] == images.flatten(1)).all(-1).double().mean(0)
    p = own.log_prob(images, code.expand(len(images), -1)).exp()
    assert torch.allclose(frequency, p, atol=4 * (0.25 / n) ** 0.5)


@torch.no_grad()
def test_a_draw_pixel_by_pixel_is_that_of_whole_images() -> None:
    """What is kept of earlier pixels is what a whole pass says of them."""
    own = network((3, 5, 6))
    latents = own.draw(4, torch.Generator().manual_seed(2)).double()
    x = own(latents)
    parts = own.latent_space.split(latents)
    levels = torch.special.ndtr(parts["pixels"]).view_as(x)
    assert torch.equal(x, (own.logits(x, parts["category"]).sigmoid() > levels).double())
    assert torch.equal(x, own(latents))


def test_a_code_says_what_and_not_where() -> None:
    """Far from borders, a shifted image has shifted log-odds."""
    own = network((1, 24, 24))
    x = torch.zeros(1, 1, 24, 24, dtype=torch.float64)
    x[:, :, 9:13, 9:13] = 1
    shifted = x.roll((2, 1), (2, 3))
    a, b = own.logits(x, codes(1)), own.logits(shifted, codes(1))
    inner = slice(8, 16)
    assert torch.allclose(a.roll((2, 1), (2, 3))[..., inner, inner], b[..., inner, inner])
