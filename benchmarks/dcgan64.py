"""A stranger's generator for ``inversion.py``: the DCGAN tutorial's network at 64 pixels.
Nothing here imports ssavl.

    python benchmarks/dcgan64.py FOLDER [--iterations 1500]

writes FOLDER/netG.pth (a bare state dict) and FOLDER/test.npy, 500 test images (uint8) that it
never saw. The images are digits in colour: one of MNIST's first 10,000 training digits at 64
pixels, in a random ink on a random paper.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

NZ, NGF = 100, 24
DIGITS = Path(__file__).parents[1] / "ssavl" / "datasets" / "mnist-10k.npz"


def colour(grey: Tensor, rng: torch.Generator) -> Tensor:
    """Digits (B, 1, 28, 28) in [0, 1] as (B, 3, 64, 64):
    a bright ink on a dark paper, both random.
    """
    grey = nn.functional.interpolate(grey, size=64, mode="bilinear", align_corners=False)
    ink = 0.5 + 0.5 * torch.rand(len(grey), 3, 1, 1, generator=rng)
    paper = 0.4 * torch.rand(len(grey), 3, 1, 1, generator=rng)
    return grey * ink + (1 - grey) * paper


def generator() -> nn.Sequential:
    """Latents (B, NZ, 1, 1) to images (B, 3, 64, 64) in [-1, 1]."""
    layers: list[nn.Module] = []
    widths = (8 * NGF, 4 * NGF, 2 * NGF, NGF)
    for index, width in enumerate(widths):
        before = NZ if index == 0 else widths[index - 1]
        stride, padding = (1, 0) if index == 0 else (2, 1)
        layers += [
            nn.ConvTranspose2d(before, width, 4, stride, padding, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers, nn.ConvTranspose2d(NGF, 3, 4, 2, 1, bias=False), nn.Tanh())


def discriminator() -> nn.Sequential:
    """Images (B, 3, 64, 64) in [-1, 1] to logits (B, 1, 1, 1)."""
    layers: list[nn.Module] = [nn.Conv2d(3, NGF, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    for factor in (1, 2, 4):
        layers += [nn.Conv2d(factor * NGF, 2 * factor * NGF, 4, 2, 1, bias=False)]
        layers += [nn.BatchNorm2d(2 * factor * NGF), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(8 * NGF, 1, 4, 1, 0, bias=False))


def initialise(network: nn.Module) -> None:
    """N(0, 0.02) weights, as in Radford et al. 2016."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1, 0.02)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--iterations", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    rng = torch.Generator().manual_seed(arguments.seed)
    digits = torch.from_numpy(np.load(DIGITS)["x"]).float()[:, None] / 255
    train, test = digits[:8000], digits[8000:8500]
    net_g, net_d = generator(), discriminator()
    initialise(net_g)
    initialise(net_d)
    adam_g = torch.optim.Adam(net_g.parameters(), 2e-4, betas=(0.5, 0.999))
    adam_d = torch.optim.Adam(net_d.parameters(), 2e-4, betas=(0.5, 0.999))
    bce = nn.functional.binary_cross_entropy_with_logits
    started = time.time()
    for step in range(arguments.iterations):
        real = 2 * colour(train[torch.randint(len(train), (64,), generator=rng)], rng) - 1
        fake = net_g(torch.randn(64, NZ, 1, 1, generator=rng))
        on_real, on_fake = net_d(real), net_d(fake.detach())
        loss_d = bce(on_real, torch.full_like(on_real, 0.9)) + bce(
            on_fake, torch.zeros_like(on_fake)
        )
        adam_d.zero_grad()
        loss_d.backward()
        adam_d.step()
        judged = net_d(fake)
        loss_g = bce(judged, torch.ones_like(judged))
        adam_g.zero_grad()
        loss_g.backward()
        adam_g.step()
        if step % 100 == 0:
            print(
                (
                    f"{step} {time.time() - started:.0f} s: D {loss_d.item():.3f} G "
                    f"{loss_g.item():.3f}"
                ),
                flush=True,
            )
    arguments.folder.mkdir(parents=True, exist_ok=True)
    torch.save(net_g.state_dict(), arguments.folder / "netG.pth")
    np.save(arguments.folder / "test.npy", (colour(test, rng) * 255).round().byte().numpy())


if __name__ == "__main__":
    main()
