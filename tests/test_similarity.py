"""PSNR and SSIM: closed forms, and an implementation from SciPy's filters."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from ssavl.metrics.similarity import ROUNDING, psnr, ssim


def pictures(n: int = 4, channels: int = 1, size: int = 28) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(0)
    x = torch.rand(n, channels, size, size, generator=rng)
    return x, (x + 0.2 * torch.randn(x.shape, generator=rng)).clamp(0, 1)


def test_equal_images() -> None:
    x, _ = pictures()
    assert ssim(x, x).tolist() == pytest.approx([1.0] * 4, abs=1e-5)
    # Finite: as if only rounded to 256 grey levels.
    assert psnr(x, x).tolist() == pytest.approx([10 * math.log10(12 * 255**2)] * 4)


@pytest.mark.parametrize("offset", [0.5, 0.1, 1 / 255])
def test_a_constant_offset_has_a_closed_form(offset: float) -> None:
    x = torch.full((2, 3, 28, 28), 0.2)
    assert psnr(x, x + offset).tolist() == pytest.approx([-20 * math.log10(offset)] * 2, rel=1e-4)
    # Neither varies, so what remains of SSIM is its comparison of means.
    a, b, c1 = 0.2, 0.2 + offset, 0.01**2
    assert ssim(x, x + offset).tolist() == pytest.approx(
        [(2 * a * b + c1) / (a * a + b * b + c1)] * 2, abs=1e-3
    )


def test_signal_to_noise_falls_by_twenty_decibels_per_decade() -> None:
    x, _ = pictures()
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
    drop = psnr(x, x + 0.01 * noise) - psnr(x, x + 0.1 * noise)
    assert drop.tolist() == pytest.approx([20] * 4, abs=1e-3)
    assert ROUNDING < 0.01**2


def by_scipy(x: np.ndarray, y: np.ndarray) -> float:
    """One channel, as Wang et al. define it: a window of deviation 1.5 cut at 5 pixels,
    inside the image only.
    """

    def blur(image: np.ndarray) -> np.ndarray:
        return np.asarray(gaussian_filter(image, 1.5, radius=5))[5:-5, 5:-5]

    mean_x, mean_y = blur(x), blur(y)
    var_x, var_y = blur(x * x) - mean_x**2, blur(y * y) - mean_y**2
    covariance = blur(x * y) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    index = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return float((index / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))).mean())


@pytest.mark.parametrize(("channels", "size"), [(1, 28), (3, 28), (1, 11), (3, 64)])
def test_ssim_agrees_with_an_independent_implementation(channels: int, size: int) -> None:
    x, y = pictures(3, channels, size)
    expected = [
        np.mean(
            [
                by_scipy(a.double().numpy(), b.double().numpy())
                for a, b in zip(one, other, strict=True)
            ]
        )
        for one, other in zip(x, y, strict=True)
    ]
    assert ssim(x, y).tolist() == pytest.approx(expected, abs=1e-4)


def test_images_of_a_batch_do_not_meet() -> None:
    x, y = pictures()
    for measure in (psnr, ssim):
        alone = torch.cat([measure(x[i : i + 1], y[i : i + 1]) for i in range(4)])
        assert torch.allclose(measure(x, y), alone, atol=1e-5)


def test_an_image_smaller_than_the_window_is_refused() -> None:
    with pytest.raises(ValueError, match="window"):
        ssim(torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8))
