r"""Wasserstein GAN with gradient penalty (Gulrajani et al. 2017; Eqs. 4, 5, 22, 23 of Ye & Bors
2024).

The critic minimises :math:`D(x') - D(x) + \lambda (\lVert \nabla D(\tilde x) \rVert_2 - 1)^2`, the
generator :math:`-D(x')`. Eq. 22 omits the penalty, Eq. 5 has it, and so do we. Scores have no unit.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from ssavl.errors import UserError


class Score(Protocol):
    """Images ``(B, C, H, W)`` to scores ``(B,)``."""

    def __call__(self, x: Tensor, /) -> Tensor: ...


@runtime_checkable
class Graded(Protocol):
    """A score that knows its gradient in each image, differentiable in its weights."""

    def gradient(self, x: Tensor) -> Tensor: ...


def gradient_penalty(critic: Score, x: Tensor, x_gen: Tensor, rng: torch.Generator) -> Tensor:
    """The penalty of Eq. 5 per sample, shape ``(B,)``, without its weight.

    Args:
        critic: images to scores ``(B,)``.
        x, x_gen: real and generated images, ``(B, C, H, W)``.
        rng: draws one epsilon per sample, on the images' device.

    Raises:
        UserError: a critic that was compiled by itself, and does not know its gradient.
    """
    epsilon = torch.rand(len(x), generator=rng, device=x.device).view(-1, *[1] * (x.ndim - 1))
    between = torch.lerp(x_gen.detach(), x, epsilon)
    return (_gradient(critic, between).flatten(1).norm(dim=1) - 1).square()


def critic_loss(critic: Score, x: Tensor, x_gen: Tensor) -> Tensor:
    """Eq. 22 per sample, shape ``(B,)``: its mean is minus the estimated Wasserstein distance."""
    of_gen, of_real = critic(torch.cat([x_gen.detach(), x])).chunk(2)
    return of_gen - of_real


def generator_loss(critic: Score, x_gen: Tensor) -> Tensor:
    """Eq. 23 per sample, shape ``(B,)``."""
    return -critic(x_gen)


def _gradient(critic: Score, x: Tensor) -> Tensor:
    if isinstance(critic, Graded):
        return critic.gradient(x)
    if torch.compiler.is_compiling():  # autograd.grad would leave the graph; this is part of it
        found: Tensor = torch.func.grad(lambda own: critic(own).sum())(x)
        return found
    if _is_compiled(critic):
        raise UserError(
            "the gradient penalty needs a second derivative, which a compiled critic has not: "
            "compile the whole loss instead, or leave the critic as it is"
        )
    x = x.requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return gradient


def _is_compiled(critic: Score) -> bool:
    """Whether it, or a part of it, goes through compiled code when it is called.

    Of that, PyTorch raises where a gradient's gradient is asked for, or drops it in silence.
    """
    parts = critic.modules() if isinstance(critic, nn.Module) else ()
    return hasattr(critic, "_torchdynamo_orig_callable") or any(
        part._compiled_call_impl is not None or hasattr(part, "_orig_mod") for part in parts
    )
