"""What users write themselves: the default study's networks and losses in plain PyTorch, float32.

It imports nothing of ssavl. Real and generated images go through the critic one after the other,
the penalty is `autograd.grad` with `create_graph`, every loss computes the gradients of all that it
passes, images come out of a DataLoader one by one as PIL images, optimisers are Adam as it is.
`tests/test_speed.py` shows that its losses are ours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.functional import to_pil_image, to_tensor

BATCH = 64
NOISE, CODE, CATEGORIES = 16, 2, 10


def trunk(channels: int, size: int, width: int, features: int) -> nn.Sequential:
    """4 x 4 convolutions that halve the side down to 4 to 7 pixels, and one linear layer."""
    layers: list[nn.Module] = []
    before, own = channels, width
    while size > 7:
        layers += [nn.Conv2d(before, own, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        size, before, own = size // 2, own, min(2 * own, 8 * width)
    layers += [nn.Flatten(), nn.Linear(before * size**2, features), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers)


class Critic(nn.Module):
    """Images in [0, 1] to scores (B,)."""

    def __init__(self, channels: int = 1, size: int = 28, width: int = 16) -> None:
        super().__init__()
        self.trunk, self.score = trunk(channels, size, width, 256), nn.Linear(256, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.score(self.trunk(2 * x - 1)).squeeze(1)


class Encoder(nn.Module):
    """Images in [0, 1] to a mean and a log-variance of each number, and logits."""

    def __init__(
        self, numbers: int, categories: int = 0, channels: int = 1, size: int = 28, width: int = 16
    ) -> None:
        super().__init__()
        self.trunk = trunk(channels, size, width, 256)
        self.gaussian = nn.Linear(256, 2 * numbers)
        self.logits = nn.Linear(256, categories) if categories else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        features = self.trunk(2 * x - 1)
        mean, log_variance = self.gaussian(features).chunk(2, 1)
        logits = None if self.logits is None else self.logits(features)
        return mean, log_variance.clamp(-12, 6), logits


class Generator(nn.Module):
    """Latents (B, D) to images in [0, 1]."""

    def __init__(self, latents: int, channels: int = 1, size: int = 28, width: int = 16) -> None:
        super().__init__()
        widths = [width]
        while size // 2 ** len(widths) > 7:
            widths.append(min(2 * widths[-1], 8 * width))
        base = size // 2 ** len(widths)
        layers: list[nn.Module] = [nn.Linear(latents, 256, bias=False), nn.BatchNorm1d(256)]
        flat = widths[-1] * base**2
        layers += [nn.ReLU(), nn.Linear(256, flat, bias=False), nn.BatchNorm1d(flat), nn.ReLU()]
        layers += [nn.Unflatten(1, (widths[-1], base, base))]
        for before, own in zip(widths[:0:-1], widths[-2::-1], strict=True):
            layers += [nn.ConvTranspose2d(before, own, 4, 2, 1, bias=False)]
            layers += [nn.BatchNorm2d(own), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(width, channels, 4, 2, 1))

    def forward(self, latents: Tensor) -> Tensor:
        return self.layers(latents).sigmoid()


def gaussian_nll(mean: Tensor, log_variance: Tensor, u: Tensor) -> Tensor:
    """-log N(u; mean, variance), (B,)."""
    squares = (u - mean) ** 2 / log_variance.exp()
    return 0.5 * (squares + log_variance + math.log(2 * math.pi)).sum(1)


def transformed(x: Tensor) -> Tensor:
    """The default study's random affine maps and pixel noise."""
    n = len(x)
    angle = (2 * torch.rand(n) - 1) * math.radians(15)
    scale = 1 + (2 * torch.rand(n) - 1) * 0.15
    shear = (2 * torch.rand(n) - 1) * 0.2
    across, down = 2 * torch.rand(n) - 1, 2 * torch.rand(n) - 1
    cos, sin = angle.cos() / scale, angle.sin() / scale
    rows = [cos, cos * shear - sin, 0.16 * across, sin, sin * shear + cos, 0.16 * down]
    grid = F.affine_grid(torch.stack(rows, 1).view(n, 2, 3), list(x.shape), align_corners=False)
    x = F.grid_sample(x, grid, padding_mode="border", align_corners=False)
    return x + 0.1 * torch.randn_like(x)


class Images(Dataset[tuple[Tensor, int]]):
    """A data set as torchvision's are: a PIL image each, then ToTensor."""

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return to_tensor(to_pil_image(self.images[index])), int(self.labels[index])


def loader(images: np.ndarray, labels: np.ndarray) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches for ever, of uint8 images (N, H, W, C)."""
    data = DataLoader(Images(images, labels), BATCH, shuffle=True, drop_last=True)
    while True:
        yield from data


class Study:
    """An iteration of the default study's train-gan."""

    def __init__(self, images: np.ndarray, clusters: np.ndarray, penalty_every: int = 1) -> None:
        self.data, self.every, self.done = loader(images, clusters), penalty_every, 0
        self.generator = Generator(NOISE + CODE + CATEGORIES)
        self.critic, self.encoder = Critic(), Encoder(CODE, CATEGORIES)
        self.optimisers = [
            torch.optim.Adam(network.parameters(), 0.0006, (0.5, 0.9))
            for network in (self.critic, self.generator, self.encoder)
        ]
        self.log: list[tuple[float, float]] = []

    def latents(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """All of them, the codes in base space, the category's index."""
        z, u, d = torch.randn(BATCH, NOISE), torch.randn(BATCH, CODE), torch.randint(10, (BATCH,))
        code = torch.erf(u / math.sqrt(2))
        return torch.cat([z, code, F.one_hot(d, CATEGORIES).float()], 1), u, d, code

    def penalty(self, x: Tensor, x_gen: Tensor) -> Tensor:
        """Gulrajani et al. 2017."""
        epsilon = torch.rand(len(x), 1, 1, 1)
        between = (epsilon * x + (1 - epsilon) * x_gen).requires_grad_(True)
        scores = self.critic(between)
        (gradient,) = torch.autograd.grad(
            scores, between, torch.ones_like(scores), create_graph=True, retain_graph=True
        )
        return ((gradient.flatten(1).norm(2, dim=1) - 1) ** 2).mean()

    def critic_step(self) -> float:
        """Eq. 22 and the penalty."""
        x, _ = next(self.data)
        x_gen = self.generator(self.latents()[0]).detach()
        loss = self.critic(x_gen).mean() - self.critic(x).mean()
        if self.done % self.every == 0:
            loss = loss + 10 * self.every * self.penalty(x, x_gen)
        self.optimisers[0].zero_grad()
        loss.backward()
        self.optimisers[0].step()
        return loss.item()

    def generator_step(self) -> float:
        """Eq. 23, and Eq. 24 with clusters."""
        latents, u, d, _ = self.latents()
        x_gen = self.generator(latents)
        view = transformed(x_gen)
        mean, log_variance, _ = self.encoder(view)
        code = gaussian_nll(mean, log_variance, u).mean()
        for parameter in self.encoder.parameters():
            parameter.requires_grad_(False)
        category = F.cross_entropy(self.encoder(view)[2], d)
        for parameter in self.encoder.parameters():
            parameter.requires_grad_(True)
        x, cluster = next(self.data)
        agreement = F.cross_entropy(self.encoder(transformed(x))[2], cluster)
        loss = -self.critic(x_gen).mean() + 0.3 * code + category + agreement
        for optimiser in self.optimisers[1:]:
            optimiser.zero_grad()
        loss.backward()
        for optimiser in self.optimisers[1:]:
            optimiser.step()
        return loss.item()

    def step(self) -> None:
        """One of each."""
        self.log.append((self.critic_step(), self.generator_step()))
        self.done += 1


class Fit:
    """A step of encoders for a frozen generator, by -log q of its latents (one Gaussian block)."""

    def __init__(
        self, generator: Callable[[Tensor], Tensor], encoder: Encoder, latents: int
    ) -> None:
        self.generator, self.encoder, self.size = generator, encoder, latents
        self.optimiser = torch.optim.Adam(encoder.parameters(), 0.0005)

    def step(self) -> float:
        """Draw, generate, read, learn."""
        z = torch.randn(BATCH, self.size)
        with torch.no_grad():
            x = self.generator(z)
        mean, log_variance, _ = self.encoder(x)
        loss = gaussian_nll(mean, log_variance, z).mean()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return loss.item()
