"""What users write themselves: the default study's networks and losses in plain PyTorch, float32.

It imports nothing of ssavl. Real and generated images go through the critic one after the other,
the penalty is `autograd.grad` with `create_graph`, every loss computes the gradients of all that it
passes, images come out of a DataLoader one by one as PIL images, optimisers are Adam as it is.
`tests/test_speed.py` shows that its losses are ours.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.functional import to_pil_image, to_tensor

BATCH = 64
DEVICE = os.environ.get("SSAVL_DEVICE", "cpu")
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


def latents() -> tuple[Tensor, Tensor, Tensor]:
    """All of them (BATCH, 28), the codes in base space, the category's index."""
    z = torch.randn(BATCH, NOISE, device=DEVICE)
    u = torch.randn(BATCH, CODE, device=DEVICE)
    d = torch.randint(10, (BATCH,), device=DEVICE)
    one_hot = F.one_hot(d, CATEGORIES).float()
    return torch.cat([z, torch.erf(u / math.sqrt(2)), one_hot], 1), u, d


def kl_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) | N(0, 1)), (B,)."""
    return 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum(1)


def gaussian_nll(mean: Tensor, log_variance: Tensor, u: Tensor) -> Tensor:
    """-log N(u; mean, variance), (B,)."""
    squares = (u - mean) ** 2 / log_variance.exp()
    return 0.5 * (squares + log_variance + math.log(2 * math.pi)).sum(1)


def moved(x: Tensor, angle: float, scale: float, shear: float, shift: float, warp: float) -> Tensor:
    """Random affine maps, and a smooth random displacement."""
    n = len(x)
    draw = 2 * torch.rand(5, n, device=DEVICE) - 1
    turn, size = draw[0] * math.radians(angle), 1 + draw[1] * scale
    cos, sin, lean = turn.cos() / size, turn.sin() / size, draw[2] * shear
    rows = [cos, cos * lean - sin, 2 * shift * draw[3], sin, sin * lean + cos, 2 * shift * draw[4]]
    grid = F.affine_grid(torch.stack(rows, 1).view(n, 2, 3), list(x.shape), align_corners=False)
    if warp:
        field = warp * torch.randn(n, 2, 4, 4, device=DEVICE)
        field = F.interpolate(field, x.shape[-2:], mode="bicubic", align_corners=True)
        grid = grid + field.permute(0, 2, 3, 1)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def transformed(x: Tensor) -> Tensor:
    """What the default study's category must survive while the generator learns."""
    x = moved(x, 15, 0.15, 0.2, 0.08, 0)
    return x + 0.1 * torch.randn_like(x)


def widely_transformed(x: Tensor) -> Tensor:
    """What it must survive while encoders are fitted."""
    x = moved(x, 25, 0.25, 0.4, 0.1, 0.1)
    contrast, gamma = 2 * torch.rand(2, len(x), 1, 1, 1, device=DEVICE) - 1
    x = x * (1 + 0.3 * contrast)
    x = x.clamp(1e-3, 1) ** (0.5 * gamma).exp()
    return (x + 0.1 * torch.randn_like(x)).clamp(0, 1)


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
        for x, label in data:
            yield x.to(DEVICE), label.to(DEVICE)


class Study:
    """An iteration of the default study's train-gan."""

    def __init__(self, images: np.ndarray, clusters: np.ndarray, penalty_every: int = 1) -> None:
        self.data, self.every, self.done = loader(images, clusters), penalty_every, 0
        self.generator = Generator(NOISE + CODE + CATEGORIES).to(DEVICE)
        self.critic, self.encoder = Critic().to(DEVICE), Encoder(CODE, CATEGORIES).to(DEVICE)
        self.optimisers = [
            torch.optim.Adam(network.parameters(), 0.0006, (0.5, 0.9))
            for network in (self.critic, self.generator, self.encoder)
        ]
        self.log: list[tuple[float, float]] = []

    def penalty(self, x: Tensor, x_gen: Tensor) -> Tensor:
        """Gulrajani et al. 2017."""
        epsilon = torch.rand(len(x), 1, 1, 1, device=DEVICE)
        between = (epsilon * x + (1 - epsilon) * x_gen).requires_grad_(True)
        scores = self.critic(between)
        (gradient,) = torch.autograd.grad(
            scores, between, torch.ones_like(scores), create_graph=True, retain_graph=True
        )
        return ((gradient.flatten(1).norm(2, dim=1) - 1) ** 2).mean()

    def critic_step(self) -> float:
        """Eq. 22 and the penalty."""
        x, _ = next(self.data)
        x_gen = self.generator(latents()[0]).detach()
        loss = self.critic(x_gen).mean() - self.critic(x).mean()
        if self.done % self.every == 0:
            loss = loss + 10 * self.every * self.penalty(x, x_gen)
        self.optimisers[0].zero_grad()
        loss.backward()
        self.optimisers[0].step()
        return loss.item()

    def generator_step(self) -> float:
        """Eq. 23, and Eq. 24 with clusters."""
        drawn, u, d = latents()
        x_gen = self.generator(drawn)
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
    """An iteration of the default study's fit-encoders: Eqs. 25 and 26, and a category that is
    learned from transformed images too.
    """

    def __init__(self, generator: Generator, still: bool = False) -> None:
        self.generator = generator.eval().to(DEVICE)
        if still:  # who thinks of it saves the gradients of the generator's weights
            generator.requires_grad_(False)
        self.code, self.noise = Encoder(CODE, CATEGORIES).to(DEVICE), Encoder(NOISE).to(DEVICE)
        self.optimisers = [
            torch.optim.Adam(network.parameters(), 0.001) for network in (self.code, self.noise)
        ]

    def code_step(self) -> float:
        """Eq. 25: a relaxed category, codes in base space, the noise as it was drawn."""
        z, code, d = latents()[0].split([NOISE, CODE, CATEGORIES], 1)
        with torch.no_grad():
            x = self.generator(torch.cat([z, code, d], 1))
        mean, log_variance, logits = self.encoder_of(self.code, x)
        u = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        gumbel = -torch.log(-torch.log(torch.rand_like(logits).clamp(1e-7, 1 - 1e-7)))
        soft = ((logits + gumbel) / 0.67).softmax(1)
        x_hat = self.generator(torch.cat([z, torch.erf(u / math.sqrt(2)), soft], 1))
        log_p = logits.log_softmax(1)
        kl = kl_normal(mean, log_variance) + (log_p.exp() * log_p).sum(1) + math.log(CATEGORIES)
        read = self.encoder_of(self.code, widely_transformed(x))[2]
        survives = F.cross_entropy(read, d.argmax(1))
        return self.learn(0, ((x - x_hat) ** 2).flatten(1).sum(1) + kl + 30 * survives)

    def noise_step(self) -> float:
        """Eq. 26: codes and category as they were drawn."""
        drawn = latents()[0]
        z = drawn[:, :NOISE]
        with torch.no_grad():
            x = self.generator(drawn)
        mean, log_variance, _ = self.noise(x)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        x_hat = self.generator(torch.cat([z, drawn[:, NOISE:]], 1))
        return self.learn(1, ((x - x_hat) ** 2).flatten(1).sum(1) + kl_normal(mean, log_variance))

    def encoder_of(self, encoder: Encoder, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """With logits for certain."""
        mean, log_variance, logits = encoder(x)
        assert logits is not None
        return mean, log_variance, logits

    def learn(self, number: int, losses: Tensor) -> float:
        """A step of an optimiser."""
        loss = losses.mean()
        self.optimisers[number].zero_grad()
        loss.backward()
        self.optimisers[number].step()
        return loss.item()

    def step(self) -> None:
        """One of each."""
        self.code_step()
        self.noise_step()


class Reading:
    """A step of one encoder for anyone's frozen generator of noise, by -log q of its latents."""

    def __init__(self, generator: nn.Module, encoder: Encoder, size: int) -> None:
        self.generator, self.encoder = generator.to(DEVICE), encoder.to(DEVICE)
        self.size = size
        self.optimiser = torch.optim.Adam(encoder.parameters(), 0.0005)

    def step(self) -> None:
        """Draw, generate, read, learn."""
        z = torch.randn(BATCH, self.size, device=DEVICE)
        with torch.no_grad():
            x = self.generator(z)
        mean, log_variance, _ = self.encoder(x)
        loss = gaussian_nll(mean, log_variance, z).mean()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        loss.item()
