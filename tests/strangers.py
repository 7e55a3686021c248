"""Generators as strangers hold them. Nothing here imports ssavl."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn


class DCGAN(nn.Module):
    """The tutorial's generator: latents (B, nz, 1, 1), images in [-1, 1]."""

    def __init__(self, nz: int = 6, ngf: int = 4, nc: int = 3) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(nz, ngf * 4, 4, 1, 0, bias=False),
            nn.BatchNorm2d(ngf * 4),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 4, ngf * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf * 2),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 2, ngf, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf, nc, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.main(z)


class Conditional(nn.Module):
    """Noise and a one-hot class as separate arguments, images in [0, 1]."""

    def __init__(self, nz: int = 5, classes: int = 3, side: int = 28) -> None:
        super().__init__()
        self.side = side
        self.body = nn.Sequential(
            nn.Linear(nz + classes, 16), nn.ReLU(), nn.Linear(16, side * side), nn.Sigmoid()
        )

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        return self.body(torch.cat([z, y], dim=1)).view(-1, 1, self.side, self.side)


class MLP(nn.Module):
    """Uniform latents (B, nz), images in [-1, 1]."""

    def __init__(self, nz: int = 7, side: int = 32) -> None:
        super().__init__()
        self.side = side
        self.body = nn.Sequential(
            nn.Linear(nz, 16), nn.ReLU(), nn.Linear(16, side * side), nn.Tanh()
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.body(z).view(-1, 1, self.side, self.side)


class Celu(nn.Module):
    """An activation that ONNX has as an operator of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(5, 16), nn.Linear(16, 32 * 32)

    def forward(self, z: Tensor) -> Tensor:
        return torch.tanh(self.second(nn.functional.celu(self.first(z)))).view(-1, 1, 32, 32)


def export_onnx(network: nn.Module, latents: Tensor, path: Path, dynamic: bool = True) -> None:
    """The network as people export it."""
    shapes = ({0: torch.export.Dim("batch")},) if dynamic else None
    program = torch.onnx.export(
        trained(network), (latents,), dynamo=True, dynamic_shapes=shapes, verbose=False
    )
    assert program is not None
    program.save(str(path))


def trained(network: nn.Module) -> nn.Module:
    """The network with weights that make different images of different latents,
    and BatchNorm statistics to match.
    """
    torch.manual_seed(0)
    for name, parameter in network.named_parameters():
        if parameter.ndim > 1 or name.endswith("bias"):
            nn.init.normal_(parameter, 0, 0.3)
    for module in network.modules():
        if (
            isinstance(module, nn.BatchNorm2d)
            and module.running_mean is not None
            and module.running_var is not None
        ):
            nn.init.uniform_(module.running_mean, -0.1, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return network.eval()


CODE = '''
import sys
sys.path.insert(0, {folder!r})
from tests import strangers
import torch
from torch import nn

def make(kind="MLP", **arguments):
    return strangers.trained(getattr(strangers, kind)(**arguments))

def in_training():
    return make("DCGAN").train()

class Batchy(nn.Module):
    """Normalises over the batch, whatever its mode."""
    def __init__(self):
        super().__init__()
        self.body = strangers.trained(strangers.MLP())
    def forward(self, z):
        return self.body((z - z.mean(0)) / z.std(0))

class Noisy(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = strangers.trained(strangers.MLP())
    def forward(self, z):
        return self.body(z + 0.1 * torch.randn_like(z))

class Broken(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = strangers.trained(strangers.MLP())
    def forward(self, z):
        return self.body(z) / 0 * 0

class Grey(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = strangers.trained(strangers.MLP())
    def forward(self, z):
        return (self.body(z) + 1) * 127.5

class Cut(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = strangers.trained(strangers.MLP())
    def forward(self, z):
        return self.body(z.detach())

class Constant(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = strangers.trained(strangers.MLP())
    def forward(self, z):
        return self.body(0 * z)

class Dead(nn.Module):
    """A quarter of its first units never wakes, and none is awake at the mean latent."""
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.relu = nn.Linear(7, 16, bias=False), nn.ReLU()
        self.second = nn.Linear(16, 28 * 28)
        with torch.no_grad():
            self.first.weight[:4] = 0
    def forward(self, z):
        return torch.sigmoid(self.second(self.relu(self.first(z)))).view(-1, 1, 28, 28)

class Signal(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Linear(4, 100)
    def forward(self, z):
        return self.body(z)
'''


def write_code(folder: Path) -> Path:
    """A file of factories in ``folder``."""
    path = folder / "code.py"
    path.write_text(CODE.format(folder=str(Path(__file__).parents[1])))
    return path
