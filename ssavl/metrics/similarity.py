"""How alike two images look: peak signal-to-noise ratio,
and structural similarity (Wang et al. 2004).

Apart from ``reconstruction``, so that using a model does not wait for the import of torchmetrics.
"""

from __future__ import annotations

from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

WINDOW = 11  # pixels, a side of SSIM's Gaussian window
DEVIATION = 1.5  # of that window
# Rounding to 256 grey levels alone makes an error of this variance. A smaller one counts as this
# one, 58.9 dB, so that one image that is reproduced exactly does not make the mean infinite.
ROUNDING = 1 / (12 * 255**2)


def psnr(x: Tensor, x_hat: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each image in dB, ``(B,)``, at most 58.9; images in [0, 1]."""
    return -10 * (x - x_hat).square().flatten(1).mean(1).clamp(min=ROUNDING).log10()


def ssim(x: Tensor, x_hat: Tensor) -> Tensor:
    """Structural similarity of each image, ``(B,)``, 1 for equal ones;
    images ``(B, C, H, W)`` in [0, 1].

    Window and constants of Wang et al. (11 pixels, Gaussian of deviation 1.5, K1 = 0.01, K2 =
    0.03), over the places where the window is inside the image, averaged over channels.

    Raises:
        ValueError: images smaller than the window.
    """
    if min(x.shape[2:]) < WINDOW:
        raise ValueError(
            f"SSIM's window of {WINDOW} pixels does not fit into images of {tuple(x.shape[2:])}"
        )
    _, everywhere = structural_similarity_index_measure(
        x_hat,
        x,
        sigma=DEVIATION,
        kernel_size=WINDOW,
        reduction="none",
        data_range=1.0,
        return_full_image=True,
    )
    edge = WINDOW // 2  # torchmetrics mirrors the image at its border, Wang et al. stay inside
    return everywhere[..., edge:-edge, edge:-edge].flatten(1).mean(1)
