"""Reconstruction error."""

from __future__ import annotations

import math

from torch import Tensor


def squared_error(x: Tensor, x_hat: Tensor) -> Tensor:
    """Squared error ``(B,)`` summed over channels and pixels, images in [0, 1];
    its mean is Table 4's MSE.
    """
    return (x - x_hat).square().flatten(1).sum(1)


def reconstruction(squared_errors: Tensor, pixels: int) -> dict[str, float]:
    """``mse``, and both readings of Table 3's RMSE, which does not say which it is.

    ``rmse`` is the root of ``mse``, the mean *sum*; ``rmse_255`` the root mean square error of a
    pixel in grey levels.

    Args:
        squared_errors: ``(N,)`` from :func:`squared_error`.
        pixels: channels times height times width.
    """
    mse = squared_errors.double().mean().item()
    return {"mse": mse, "rmse": math.sqrt(mse), "rmse_255": 255 * math.sqrt(mse / pixels)}
