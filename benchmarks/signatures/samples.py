"""Generated digits beside real ones: how far in a judge's features, how sharp."""

from __future__ import annotations

from functools import cache

import torch
from digits import digits, judge
from torch import Tensor
from torch.nn.functional import conv2d

from ssavl.methods.method import Method
from ssavl.metrics.fidelity import frechet
from ssavl.networks.classifier import Classifier

LAPLACIAN = torch.tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]]).view(1, 1, 3, 3)


def sharpness(x: Tensor) -> float:
    """Mean energy of the Laplacian of images ``(N, 1, H, W)`` in [0, 1], per pixel."""
    return conv2d(x, LAPLACIAN).square().mean().item()


@torch.no_grad()
def drawn(method: Method) -> Tensor:
    """As many images as the test has, of the method's own prior."""
    assert method.leaves.generator is not None
    generator = method.leaves.generator.eval()
    rng = torch.Generator().manual_seed(0)
    return generator(generator.draw(len(digits().test_images), rng))


def figures(method: Method) -> dict[str, float]:
    """Of its draws: the Frechet distance of the judge's features from the test digits', and the
    sharpness.
    """
    classifier = judged()
    with torch.no_grad():
        x = drawn(method)
        far = frechet(*(classifier.features(images) for images in (x, digits().test_images)))
    return {"frechet": far, "sharpness": sharpness(x)}


@cache
def judged() -> Classifier:
    """The judge of all draws, of one seed."""
    return judge(0)
