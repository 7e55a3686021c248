"""Inversion by optimisation: the batched optimiser, and refinement against closed forms."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from ssavl.errors import UserError
from ssavl.inversion.lbfgs import minimise
from ssavl.inversion.refinement import Refinement, refine
from ssavl.latents.priors import Block
from ssavl.latents.space import LatentSpace
from tests.linear_gaussian import LinearGaussian

CENTRES = torch.tensor([[1.0, 2, 3], [-4, 5, 0.5], [0.1, 0.2, -9]])
CURVATURES = torch.tensor([[1.0, 1, 1], [1, 30, 100], [0.01, 1, 5]])


def bowls(point: Tensor) -> Tensor:
    rows = len(point)
    return (CURVATURES[:rows] * (point - CENTRES[:rows]).square()).sum(1)


def rosenbrock(point: Tensor) -> Tensor:
    return (1 - point[:, 0]).square() + 100 * (point[:, 1] - point[:, 0].square()).square()


def test_lbfgs_finds_the_minimum_of_each_row() -> None:
    assert torch.allclose(minimise(bowls, torch.zeros(3, 3), 40), CENTRES, atol=1e-3)
    starts = torch.tensor([[-1.2, 1.0], [2.0, 2.0], [0.0, 0.0]], dtype=torch.float64)
    assert rosenbrock(minimise(rosenbrock, starts, 120)).max() < 1e-8


def test_lbfgs_of_a_row_does_not_depend_on_its_neighbours() -> None:
    alone = minimise(bowls, torch.zeros(1, 3), 9)
    assert torch.equal(minimise(bowls, torch.zeros(3, 3), 9)[:1], alone)


def test_lbfgs_never_goes_up_and_survives_where_the_loss_is_not_finite() -> None:
    def cliff(point: Tensor) -> Tensor:
        # not a number below 0, which a first step reaches
        return (point.square() - point.log()).sum(1)

    start = torch.full((1, 2), 0.05)
    found = minimise(cliff, start, 40)
    assert torch.allclose(found, torch.full((1, 2), 0.5**0.5), atol=1e-3)
    losses = [bowls(minimise(bowls, torch.zeros(3, 3), n)) for n in range(1, 12)]
    assert all((b <= a).all() for a, b in itertools.pairwise(losses))


def test_lbfgs_keeps_to_its_evaluations() -> None:
    count = 0

    def counted(point: Tensor) -> Tensor:
        nonlocal count
        count += 1
        return bowls(point)

    minimise(counted, torch.zeros(3, 3), 7)
    assert count == 7


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("optimiser", ["lbfgs", "adam"])
def test_refinement_reaches_the_regularised_least_squares_solution(
    optimiser: str, scaled: bool
) -> None:
    generator = LinearGaussian()
    latents, x = generator.pairs(6)
    weight = 0.1
    precision = generator.w.square().sum(0)
    expected = (x.flatten(1) - 0.5) @ generator.w / (precision + weight / 2)
    deviations = (
        torch.rand(6, 4, generator=torch.Generator().manual_seed(0)) + 0.5 if scaled else None
    )
    refinement = Refinement(
        400 if optimiser == "adam" else 40,
        optimiser,  # type: ignore[arg-type]
        0.1,
        weight,
    )
    found = refine(x, torch.zeros_like(latents), generator, refinement, deviations)
    assert torch.allclose(generator.latent_space.to_base(found.latents), expected, atol=5e-3)
    assert (found.errors < found.start_errors).all()
    assert found.passes <= refinement.steps + 2


class Switch:
    """A generator with a category: each value shows another of three pictures, a code shades it."""

    def __init__(self) -> None:
        self.latent_space = LatentSpace(
            [Block("category", "category", "categorical", 3), Block("code", "code", "uniform", 1)]
        )
        self.image_shape = (1, 3, 3)
        self.pictures = torch.eye(9)[[0, 4, 8]]

    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        return self.latent_space.sample(n, rng)

    def __call__(self, latents: Tensor) -> Tensor:
        parts = self.latent_space.split(latents)
        return ((parts["category"] @ self.pictures) * (0.6 + 0.3 * parts["code"])).view(-1, 1, 3, 3)


@pytest.mark.parametrize("optimiser", ["lbfgs", "adam"])
def test_a_relaxed_category_is_found_and_a_kept_one_stays(optimiser: str) -> None:
    generator = Switch()
    truth = torch.tensor([[0.0, 1, 0, 0.5], [0, 0, 1, -0.5]])
    start = torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 0]])
    x = generator(truth)
    free = refine(
        x,
        start,
        generator,
        Refinement(200, optimiser, 0.1, 1e-3, relax=True),  # type: ignore[arg-type]
    )
    assert torch.allclose(free.latents, truth, atol=0.02)
    kept = refine(
        x,
        start,
        generator,
        Refinement(50, optimiser, 0.1, 0.0),  # type: ignore[arg-type]
    )
    assert torch.equal(kept.latents[:, :3], start[:, :3])


def test_a_generator_without_a_gradient_is_refused() -> None:
    class Cut(LinearGaussian):
        def __call__(self, latents: Tensor) -> Tensor:
            return super().__call__(latents.detach())

    latents, x = Cut().pairs(2)
    with pytest.raises(UserError, match="passes no gradient"):
        refine(x, latents, Cut(), Refinement(2))
