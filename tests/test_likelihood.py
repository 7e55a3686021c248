"""Bounds on log p(x) from both sides, against generators whose log p(x) is known."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ssavl.errors import UserError
from ssavl.latents.priors import Block
from ssavl.latents.space import LatentSpace
from ssavl.metrics.likelihood.annealing import Annealing, Schedule, annealed
from ssavl.metrics.likelihood.bridge import Bridge
from ssavl.metrics.likelihood.importance import importance_weighted
from ssavl.metrics.likelihood.surrogates import learned_sigma, surrogates
from ssavl.metrics.likelihood.transitions import categorical, hamiltonian
from ssavl.models.protocol import Observed
from ssavl.objectives.likelihood import Likelihood
from tests.conftest import invoke, tiny_overrides
from tests.linear_gaussian import SIGMA, LinearGaussian

GAUSSIAN = Likelihood("gaussian", SIGMA)


class Mixture:
    """A linear Gaussian generator whose offset depends on a category:
    p(x) is a sum of K Gaussians.
    """

    def __init__(self, k: int = 3) -> None:
        self.plain = LinearGaussian()
        self.latent_space = LatentSpace(
            [Block("category", "category", "categorical", k), *self.plain.latent_space.blocks]
        )
        self.image_shape = self.plain.image_shape
        rng = torch.Generator().manual_seed(2)
        self.offsets = 0.8 * torch.randn(k, *self.image_shape, generator=rng)

    def __call__(self, latents: Tensor) -> Tensor:
        category, rest = latents.split([len(self.offsets), 4], 1)
        return self.plain(rest) + torch.einsum("bk,kchw->bchw", category, self.offsets)

    def joint(self, x: Tensor) -> Tensor:
        """log p(x, d), ``(B, K)``."""
        return torch.stack([self.plain.log_prob(x - own) for own in self.offsets], 1) - math.log(
            len(self.offsets)
        )

    def log_prob(self, x: Tensor) -> Tensor:
        return self.joint(x).logsumexp(1)

    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        return self.latent_space.sample(n, rng)

    def pairs(self, n: int) -> tuple[Tensor, Tensor]:
        rng = torch.Generator().manual_seed(0)
        latents = self.latent_space.sample(n, rng)
        return latents, GAUSSIAN.sample(self(latents), rng)


def rng() -> torch.Generator:
    """Streams of random numbers other than the images' own,
    which a posterior must not be drawn with.
    """
    torch.manual_seed(11)
    return torch.Generator().manual_seed(12)


def test_weighted_bounds_rise_with_k_to_the_exact_value() -> None:
    generator = LinearGaussian()
    x = generator.sample(24)
    posterior = generator.posterior(x, spoil=0.3)
    found = importance_weighted(
        x, posterior, Observed(generator, GAUSSIAN), [1, 10, 100, 2000], 600, rng()
    )
    exact = generator.log_prob(x)
    means = [own.mean().item() for own in found.values()]
    assert means == sorted(means)
    for lower, higher in zip(list(found.values()), list(found.values())[1:], strict=False):
        # the same draws, so by Jensen's inequality for each image
        assert (lower <= higher + 1e-9).all()
    assert means[1] < exact.mean().item() - 0.02
    assert means[-1] == pytest.approx(exact.mean().item(), abs=0.03)
    # One draw is surrogate 1 with its divergences drawn too.
    surrogate = (
        surrogates(x, posterior, Observed(generator, GAUSSIAN), 200, rng())["ll"].mean().item()
    )
    assert means[0] == pytest.approx(surrogate, abs=0.06)


def test_with_the_exact_posterior_one_draw_is_exact() -> None:
    generator = LinearGaussian()
    x = generator.sample(8)
    found = importance_weighted(
        x, generator.posterior(x), Observed(generator, GAUSSIAN), [1], 100, rng()
    )
    assert torch.allclose(found[1].float(), generator.log_prob(x), atol=1e-4)


def test_weighted_bounds_do_not_depend_on_the_rows_at_a_time() -> None:
    generator = LinearGaussian()
    x = generator.sample(5)
    posterior = generator.posterior(x, spoil=0.2)
    whole = importance_weighted(
        x, posterior, Observed(generator, GAUSSIAN), [1, 7, 4000], 20_000, rng()
    )
    pieces = importance_weighted(
        x, posterior, Observed(generator, GAUSSIAN), [1, 7, 4000], 5 * 13, rng()
    )
    for k, own in whole.items():
        assert torch.allclose(own, pieces[k], atol=0.06), k


def test_what_is_not_inferred_comes_from_the_prior() -> None:
    generator = LinearGaussian()
    x = generator.sample(16)
    part = generator.posterior(x).over(generator.latent_space.subspace("noise"))
    found = importance_weighted(x, part, Observed(generator, GAUSSIAN), [1, 2000], 1600, rng())
    exact = generator.log_prob(x).mean().item()
    assert found[1].mean().item() < exact - 0.3
    assert found[2000].mean().item() == pytest.approx(exact, abs=0.05)


@pytest.mark.parametrize(("schedule", "leapfrog"), [("sigmoidal", 1), ("linear", 2)])
@pytest.mark.parametrize("from_encoder", [False, True])
def test_annealed_bounds_enclose_the_exact_value_closely(
    schedule: Schedule, leapfrog: int, from_encoder: bool
) -> None:
    generator = LinearGaussian()
    latents, x = generator.pairs(24)
    start = generator.posterior(x, spoil=0.3) if from_encoder else None
    annealing = Annealing(80, 16, leapfrog, schedule)
    found = annealed(x, generator, GAUSSIAN, annealing, rng(), start=start, exact=latents)
    exact = generator.log_prob(x).mean().item()
    assert found.upper is not None
    gap = found.upper - found.lower
    assert abs(gap.mean().item()) < 0.1
    error = 2 * gap.std().item() / math.sqrt(len(x))  # of a mean over so few images
    assert found.lower.mean().item() - error <= exact <= found.upper.mean().item() + error
    assert found.acceptance.mean().item() == pytest.approx(annealing.target, abs=0.15)


def test_a_short_path_is_loose_on_both_sides() -> None:
    """So that the test above cannot pass by accident:
    with few temperatures the bounds part, in the right order.
    """
    generator = LinearGaussian()
    latents, x = generator.pairs(64)
    found = annealed(x, generator, GAUSSIAN, Annealing(4, 1, 1, "linear"), rng(), exact=latents)
    exact = generator.log_prob(x).mean().item()
    assert found.upper is not None
    assert found.lower.mean().item() < exact - 0.2
    assert found.upper.mean().item() > exact + 0.2


def test_categories_agree_with_their_sum() -> None:
    generator = Mixture()
    latents, x = generator.pairs(24)
    found = annealed(
        x, generator, GAUSSIAN, Annealing(60, 16, 2, category_every=1), rng(), exact=latents
    )
    exact = generator.log_prob(x).mean().item()
    assert found.upper is not None
    assert found.lower.mean().item() == pytest.approx(exact, abs=0.1)
    assert found.upper.mean().item() == pytest.approx(exact, abs=0.1)


def test_transitions_leave_the_posterior_as_it_is() -> None:
    """Chains that begin at it stay distributed as it is:
    moments and category frequencies, against enumeration.
    """
    generator = Mixture()
    _, x = generator.pairs(1)
    conditional = generator.joint(x).softmax(1)[0]
    chains = 2000
    path = Bridge(x, generator, GAUSSIAN, chains, rng())
    index = torch.multinomial(conditional, chains, replacement=True)
    rest = torch.cat(
        [generator.plain.posterior(x - generator.offsets[k][None]).sample() for k in index.tolist()]
    )
    latents = torch.cat([torch.nn.functional.one_hot(index, 3).float(), rest], 1)
    base = generator.latent_space.to_base(latents)[:, 3:]
    point = path.point(base, {"category": index})
    t = 1.0
    for _ in range(3):
        point = categorical(path, point, t)
        point, acceptance = hamiltonian(path, point, t, torch.full((chains,), 0.4), 3)
    assert 0.3 < acceptance.mean() < 0.999
    frequencies = torch.bincount(point.categories["category"], minlength=3) / chains
    assert torch.allclose(frequencies, conditional, atol=0.05)
    assert torch.allclose(point.u.mean(0), base.mean(0), atol=0.08)
    assert torch.allclose(point.u.std(0), base.std(0), atol=0.08)


@pytest.mark.parametrize("name", ["paper", "gaussian"])
def test_images_are_drawn_from_the_likelihood(name: str) -> None:
    likelihood = Likelihood(name, 0.3)  # type: ignore[arg-type]
    x_hat = torch.full((4000, 1, 3, 3), 0.5)
    deviation = (likelihood.sample(x_hat, rng()) - x_hat).std().item()
    # A Gaussian's curvature is its precision: both must tell of the same density.
    assert deviation == pytest.approx(
        likelihood.curvature(x_hat).flatten()[0].item() ** -0.5, rel=0.02
    )
    assert deviation == pytest.approx({"paper": 0.5**0.5, "gaussian": 0.3}[name], rel=0.02)


def test_binary_images_are_drawn_by_their_probabilities() -> None:
    x = Likelihood("bernoulli").sample(torch.full((1, 1, 100, 100), 0.3), rng())
    assert set(x.unique().tolist()) == {0, 1}
    assert x.mean().item() == pytest.approx(0.3, abs=0.02)


def test_the_unnormalised_likelihood_is_a_gaussian_up_to_its_constant() -> None:
    generator = LinearGaussian()
    x = generator.sample(6)
    half = Likelihood("gaussian", math.sqrt(0.5))
    posterior = generator.posterior(x)
    paper = importance_weighted(
        x, posterior, Observed(generator, Likelihood("paper")), [300], 600, rng()
    )[300]
    normalised = importance_weighted(x, posterior, Observed(generator, half), [300], 600, rng())[
        300
    ]
    assert torch.allclose(paper, normalised + 9 / 2 * math.log(math.pi), atol=1e-4)


def test_a_learned_sigma_is_where_the_bound_is_highest() -> None:
    errors = torch.rand(50, generator=rng()) * 9
    sigma = learned_sigma(errors, 9)
    assert sigma == pytest.approx(math.sqrt(errors.mean().item() / 9))
    variable = torch.tensor(sigma, dtype=torch.float64, requires_grad=True)
    bound = (-errors.double() / (2 * variable.square()) - 9 * variable.log()).mean()
    (slope,) = torch.autograd.grad(bound, variable)
    assert slope.item() == pytest.approx(0, abs=1e-9)


def test_a_learned_sigma_of_the_exact_posterior_is_the_generators() -> None:
    generator = LinearGaussian()
    x = generator.sample(4000)
    torch.manual_seed(11)
    errors = (x - generator(generator.posterior(x).sample())).square().flatten(1).sum(1)
    assert learned_sigma(errors, 9) == pytest.approx(SIGMA, rel=0.02)


def test_a_generator_without_gradient_is_refused() -> None:
    class Cut(LinearGaussian):
        def __call__(self, latents: Tensor) -> Tensor:
            return super().__call__(latents).detach()

    generator = Cut()
    with pytest.raises(UserError, match="no gradient"):
        annealed(generator.sample(2), generator, GAUSSIAN, Annealing(4, 2, 1), rng())


LOWER = ("ll", "ll_code", "ll_noise", "iwae_1", "iwae_8")
QUICK = ("--images", 6, "--k", 1, "--k", 8, "--temperatures", 12, "--chains", 4)


@pytest.mark.parametrize("likelihood", ["paper", "gaussian"])
def test_the_command_orders_its_bounds(data: Path, likelihood: str) -> None:
    overrides = tiny_overrides(
        likelihood__name=likelihood, evaluate_likelihood__rows=12, evaluate_likelihood__leapfrog=1
    )
    result = invoke("evaluate", "likelihood", *map(str, QUICK), "--out", "l", "--json", *overrides)
    assert result.exit_code == 0, result.output
    found = json.loads(Path("l/likelihood.json").read_text())
    assert found == json.loads(result.stdout)
    assert found["likelihood"]["normalised"] == (likelihood == "gaussian")
    assert (found["bits_per_dimension"] is not None) == (likelihood == "gaussian")
    for own in found["nats"].values():
        for model in ("ssavl", "ssavl-r"):
            assert own[model]["iwae_1"]["mean"] <= own[model]["iwae_8"]["mean"]
    assert "ais_upper" not in found["nats"]["test"]["generator"]
    generated = found["nats"]["generated"]
    upper = generated["generator"]["ais_upper"]["mean"]
    slack = 3 * generated["generator"]["ais_gap"]["standard_error"]
    below = [generated["generator"]["ais_lower"]] + [
        generated[m][b] for m in ("ssavl", "ssavl-r") for b in LOWER
    ]
    assert all(bound["mean"] <= upper + slack for bound in below)


def test_a_learned_sigma_says_where_it_is_from(data: Path) -> None:
    overrides = tiny_overrides(likelihood__name="gaussian", evaluate_likelihood__temperatures=0)
    arguments = (
        "--images",
        "4",
        "--k",
        "2",
        "--out",
        "l",
        "--encoders",
        "data/encoders",
        *overrides,
    )
    sigmas = {}
    for origin in ("generated", "train"):
        result = invoke("evaluate", "likelihood", "--sigma-from", origin, *arguments)
        assert result.exit_code == 0, result.output
        assert f"({origin})" in result.output
        found = json.loads(Path("l/likelihood.json").read_text())
        assert found["likelihood"]["sigma_from"] == origin
        assert found["nats"]["test"].keys() == {"ssavl"}  # no temperatures, no annealing
        sigmas[origin] = found["likelihood"]["sigma"]
    # an untrained encoder knows neither, real images least
    assert 0 < sigmas["generated"] < sigmas["train"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sigma-from", "generated"], "no sigma to learn"),
        (["--data", "nowhere"], "nowhere does not exist"),
        (["--set", "evaluate-likelihood.split=train set"], "split = 'train set'"),
        (["--set", "evaluate-likelihood.images=0"], "images = 0"),
    ],
)
def test_what_cannot_be_bounded_is_refused(data: Path, arguments: list[str], message: str) -> None:
    result = invoke("evaluate", "likelihood", "--out", "l", *arguments, *tiny_overrides())
    assert result.exit_code == (2 if "--set" in arguments else 1)
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not Path("l").exists()
