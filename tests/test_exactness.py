"""`fit-encoders` on a generator whose posterior is known: benchmarks/linear_gaussian.py.

benchmarks/exactness.py is the same with twenty times the iterations, and comes within 2 %.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ssavl.generators.description import BlockDescription, Description
from ssavl.generators.load import load_generator
from ssavl.generators.source import GeneratorSource
from ssavl.latents.space import Factorised
from ssavl.models.files import load_encoders
from tests.conftest import invoke

FACTORY = f"{Path(__file__).parents[1] / 'benchmarks' / 'linear_gaussian.py'}:make"
SIGMA = 1 / 6
SETTINGS = {
    "likelihood": f"{{name: gaussian, sigma: {SIGMA}}}",
    "fit-encoders.image_noise": SIGMA,
    "fit-encoders.iterations": 400,
    "fit-encoders.decay": 300,
    "fit-encoders.learning_rate": 0.004,
    "fit-encoders.batch_size": 128,
    "fit-encoders.encoder": "{width: 8, features: 64}",
    "fit-encoders.log_every": 400,
}


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["elbo", "latent-nll", "both"])
def test_every_objective_finds_the_exact_posterior(objective: str) -> None:
    overrides = [
        argument for key, value in SETTINGS.items() for argument in ("--set", f"{key}={value}")
    ]
    flags = ["--gan", FACTORY, "--latent-dim", "2", "--objective", objective]
    result = invoke("fit-encoders", *flags, "--out", "encoders", *overrides)
    assert result.exit_code == 0, result.output
    source = GeneratorSource(FACTORY, described=Description(latents=[BlockDescription(dim=2)]))
    generator, model = load_generator(source), load_encoders(Path("encoders"))
    torch.manual_seed(5)
    with torch.no_grad():
        x = generator(torch.randn(2000, 2))
        x = x + SIGMA * torch.randn_like(x)
        posterior = model.posterior(x)
        assert isinstance(posterior, Factorised)
        found = posterior.gaussian("noise")
        mean, variance = generator.network.exact(x, SIGMA)  # type: ignore[operator, union-attr]
    assert (found.mean - mean).square().mean().sqrt() < 0.08 * mean.square().mean().sqrt()
    assert torch.allclose(found.variance.mean(0), variance, rtol=0.12)
