"""Does a network behave as a generator must, before anything is fitted to it?"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ssavl.errors import UserError, first_line
from ssavl.generators import causes
from ssavl.networks.generator import GeneratorNetwork
from ssavl.storage.weights import weights_hash

SAMPLES = 64
# of an image in [0, 1]: kernels differ by batch size, a BatchNorm in training mode by far more
TOLERANCE = 1e-4
SLACK = 1e-3  # of the output range
GRADIENT = "gradient to the latents"
# mean deviation of a pixel: a network that has hardly been trained has ten times as much
COLLAPSED = 1e-5


@dataclass(frozen=True)
class Check:
    """One property: whether it holds, what was seen, and what to do when it does not."""

    name: str
    passed: bool
    seen: str
    remedy: str


def inspect(generator: GeneratorNetwork, seed: int = 0) -> list[Check]:
    """Every check, on the device of the generator.

    Args:
        generator: frozen.
        seed: of the latents.
    """
    device = next((p.device for p in generator.parameters()), torch.device("cpu"))
    latents = generator.draw(SAMPLES, torch.Generator(device).manual_seed(seed))
    before = weights_hash(generator)
    try:
        with torch.no_grad():
            parts = (latents, latents, latents[: SAMPLES // 4])
            x, again, part = (generator(z) for z in parts)
    except Exception as error:  # whatever a stranger's network raises
        return [Check("any number of latents", False, first_line(error), "make it take any batch")]
    finite = Check(
        "finite",
        bool(torch.isfinite(x).all()),
        f"{(~torch.isfinite(x)).sum().item()} values are not",
        "the weights are damaged",
    )
    if not finite.passed:
        return [finite]
    unread = causes.of_shape(generator.image_shape)
    size = Check(
        "a size that encoders read",
        unread is None,
        " x ".join(map(str, generator.image_shape)),
        unread or "",
    )
    behaviour = [size, *_behaviour(generator, latents, x, again, part)]
    same = Check(
        "weights unchanged",
        weights_hash(generator) == before,
        f"sha256 {before}",
        "it changes when called",
    )
    return [finite, *behaviour, same]


def first_units(generator: GeneratorNetwork, seed: int = 0) -> str:
    """The share of the first ReLU's units that are dead:
    at every prior draw, and at the mean latent.

    At latents of zero a ReLU network without biases has none alive, so no gradient: optimisation
    must not start there.
    """
    seen: list[Tensor] = []

    def look(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        seen.append(output.detach().flatten(1) > 0)

    space = generator.latent_space
    device = next((p.device for p in generator.parameters()), torch.device("cpu"))
    draws = generator.draw(SAMPLES, torch.Generator(device).manual_seed(seed))
    hooks = [
        m.register_forward_hook(look)
        for m in generator.modules()
        if isinstance(m, nn.ReLU | nn.ReLU6)
    ]
    try:
        shares = []
        for latents in (draws, space.from_base(torch.zeros(1, space.dim, device=device))):
            seen.clear()
            with torch.no_grad():
                generator(latents)
            if not seen:
                return "no ReLU module to look at"
            shares.append(1 - seen[0].any(0).float().mean().item())
    finally:
        for hook in hooks:
            hook.remove()
    return f"{shares[0]:.0%} dead at every prior draw, {shares[1]:.0%} at the mean latent"


def require(checks: list[Check], source: str, gradient: bool = True) -> None:
    """Refuse a generator that fails a check.

    Args:
        gradient: whether a gradient to the latents is needed.

    Raises:
        UserError: naming the first check that failed, what was seen and the remedy.
    """
    for check in checks:
        if not check.passed and (gradient or check.name != GRADIENT):
            raise UserError(f"{source} fails '{check.name}' ({check.seen}): {check.remedy}")


def _behaviour(
    generator: GeneratorNetwork, latents: Tensor, x: Tensor, again: Tensor, part: Tensor
) -> list[Check]:
    """Checks of images ``x`` of latents, of the same ones again, and of a first part of them."""
    low, high = x.min().item(), x.max().item()
    noisy = (x - again).abs().max().item()
    apart = (x[: SAMPLES // 4] - part).abs().max().item()
    slope, differentiable = _slope(generator, latents)
    spread = x.std(0).mean().item()
    return [
        Check(
            "output range",
            low >= -SLACK and high <= 1 + SLACK,
            f"[{low:.3g}, {high:.3g}] after mapping {generator.output_range} to [0, 1]",
            causes.of_range(*_stretched(low, high, generator.output_range)),
        ),
        Check(
            "same latents, same image",
            noisy <= TOLERANCE,
            f"differ by {noisy:.2g}",
            "fix its noise in a factory",
        ),
        Check(
            "an image does not depend on its batch",
            apart <= TOLERANCE or noisy > TOLERANCE,
            f"differ by {apart:.2g}",
            _batch_remedy(generator),
        ),
        Check(
            "diversity",
            spread > COLLAPSED,
            f"mean deviation of a pixel {spread:.3g}",
            "it makes one image: collapsed",
        ),
        Check(
            GRADIENT,
            differentiable and slope > 0,
            f"mean norm {slope:.3g}" if differentiable else "none",
            "add --objective latent-nll, which needs none, or make the network differentiable",
        ),
    ]


def _stretched(low: float, high: float, given: tuple[float, float]) -> tuple[float, float]:
    """The range of what the network itself makes."""
    below, above = given
    return below + low * (above - below), below + high * (above - below)


def _batch_remedy(generator: GeneratorNetwork) -> str:
    norms = [m for m in generator.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    if any(norm.running_mean is None for norm in norms):
        return (
            "its BatchNorm has no running statistics to use instead of the batch's: build and "
            "train it with track_running_stats=True"
        )
    return "it normalises over the batch: call .eval() in the factory"


def _slope(generator: GeneratorNetwork, latents: Tensor) -> tuple[float, bool]:
    z = latents.detach().clone().requires_grad_(True)
    try:
        x = generator(z)
        if not x.requires_grad:
            return 0.0, False
        (gradient,) = torch.autograd.grad(x.square().sum(), z)
    except RuntimeError:  # a network that cuts the graph, or an operator without a derivative
        return 0.0, False
    return gradient.norm(dim=1).mean().item(), True
