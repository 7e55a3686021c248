"""Metrics with known answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from ssavl.latents.priors import Block
from ssavl.latents.space import LatentSpace
from ssavl.metrics.calibration import LEVELS, Calibration, calibration, ranks
from ssavl.metrics.clustering import clustering, confusion, kmeans_categories
from ssavl.metrics.inversion import latent_errors, norm_ratios
from ssavl.metrics.likelihood.surrogates import surrogates
from ssavl.metrics.reconstruction import reconstruction, squared_error
from ssavl.models.protocol import Observed
from ssavl.objectives.likelihood import Likelihood
from tests.linear_gaussian import SIGMA, LinearGaussian

CLASSES = np.repeat(np.arange(5), 40)


def test_perfect_categories_in_any_order_score_one() -> None:
    permutation = np.array([3, 1, 4, 0, 2])
    assert all(
        value == pytest.approx(1) for value in clustering(permutation[CLASSES], CLASSES).values()
    )


def test_scores_are_invariant_under_permutation_of_the_categories() -> None:
    rng = np.random.default_rng(0)
    found = rng.integers(0, 5, len(CLASSES))
    expected = clustering(found, CLASSES)
    for _ in range(10):
        assert clustering(rng.permutation(5)[found], CLASSES) == pytest.approx(expected)


def test_hand_counted_accuracy() -> None:
    classes = np.array([0, 0, 0, 1, 1, 1])
    found = np.array([7, 7, 2, 2, 2, 2])
    assert clustering(found, classes)["accuracy"] == pytest.approx(5 / 6)
    one_for_all = clustering(np.zeros(6, dtype=np.int64), classes)
    assert one_for_all["accuracy"] == one_for_all["accuracy_majority"] == pytest.approx(0.5)
    assert one_for_all["nmi"] == pytest.approx(0)
    assert one_for_all["ari"] == pytest.approx(0)
    split = clustering(np.array([0, 1, 1, 2, 3, 3]), classes)
    assert split["accuracy"] == pytest.approx(4 / 6)  # one-to-one: a class may use one category
    assert split["accuracy_majority"] == pytest.approx(1)
    with pytest.raises(ValueError, match="compared"):
        clustering(found[:-1], classes)


def test_random_categories_score_at_chance() -> None:
    found = np.random.default_rng(0).integers(0, 5, 200_000)
    values = clustering(found, np.tile(np.arange(5), 40_000))
    assert values["accuracy"] == pytest.approx(0.2, abs=0.01)
    assert values["ari"] == pytest.approx(0, abs=0.001)


def test_confusion_counts() -> None:
    assert confusion(np.array([0, 0, 2]), np.array([1, 1, 0]), 3, 2).tolist() == [
        [0, 2],
        [0, 0],
        [1, 0],
    ]


def test_kmeans_finds_separated_blobs() -> None:
    rng = np.random.default_rng(0)
    centres = 10 * np.eye(5, 6, dtype=np.float32)
    points = (centres[CLASSES] + rng.normal(0, 0.1, (len(CLASSES), 6))).astype(np.float32)
    assert clustering(kmeans_categories(points, points, 5, 0, 3), CLASSES)["accuracy"] == 1


def test_reconstruction_error_by_hand() -> None:
    x = torch.zeros(2, 3, 4, 4)
    x_hat = torch.stack([torch.full((3, 4, 4), 0.5), torch.zeros(3, 4, 4)])
    errors = squared_error(x, x_hat)
    assert errors.tolist() == pytest.approx([12, 0])
    values = reconstruction(errors, 48)
    assert values["mse"] == pytest.approx(6)
    assert values["rmse"] == pytest.approx(6**0.5)
    assert values["rmse_255"] == pytest.approx(255 * (0.5 * 0.25) ** 0.5)


def test_surrogates_bound_the_exact_log_likelihood_and_the_first_reaches_it() -> None:
    torch.manual_seed(0)
    generator = LinearGaussian()
    x = generator.sample(64)
    rng = torch.Generator().manual_seed(0)
    terms = surrogates(
        x, generator.posterior(x), Observed(generator, Likelihood("gaussian", SIGMA)), 400, rng
    )
    exact = generator.log_prob(x).mean().item()
    assert terms["ll"].mean().item() == pytest.approx(exact, abs=0.02)
    assert terms["ll_code"].mean().item() < exact - 0.05
    assert terms["ll_noise"].mean().item() < exact - 0.05
    assert set(terms) == {"ll", "ll_code", "ll_noise", "kl_noise", "kl_code"}


def test_surrogates_leave_out_what_the_model_cannot_infer() -> None:
    generator = LinearGaussian()
    x = generator.sample(3)
    posterior = generator.posterior(x).over(generator.latent_space.subspace("noise"))
    rng = torch.Generator().manual_seed(0)
    assert set(surrogates(x, posterior, Observed(generator, Likelihood()), 1, rng)) == {
        "ll_noise",
        "kl_noise",
    }


@pytest.mark.parametrize(("spoil", "calibrated"), [(0.0, True), (0.3, False)])
def test_coverage_of_the_exact_posterior_is_nominal_and_of_a_spoilt_one_is_not(
    spoil: float, calibrated: bool
) -> None:
    generator = LinearGaussian()
    latents, x = generator.pairs(4000)
    rng = torch.Generator().manual_seed(0)
    found = calibration(ranks(generator.posterior(x, spoil), latents, rng), [])
    assert set(found) == {"noise", "code"}
    for own in found.values():
        assert (own.within >= 0.85) == calibrated
        assert not calibrated or own.error < 0.01
        assert own.histogram.sum() == pytest.approx(1)
        uniform = stats.chisquare(own.histogram * 8000, np.full(20, 400)).pvalue
        assert (uniform > 0.01) == calibrated


def test_overconfidence_shows_its_sign() -> None:
    generator = LinearGaussian()
    latents, x = generator.pairs(1000)
    mean = generator.posterior(x).gaussian("noise").mean
    space = generator.latent_space.subspace("noise")
    for log_variance, sign in ((-6.0, 1), (2.0, -1)):
        posterior = space.posterior(torch.cat([mean, torch.full_like(mean, log_variance)], dim=1))
        found = calibration(ranks(posterior, latents[:, :2], torch.Generator().manual_seed(0)), [])
        assert sign * found["noise"].overconfident > 0.1


@pytest.mark.parametrize(("sharpen", "calibrated"), [(1.0, True), (3.0, False)])
def test_a_category_is_calibrated_when_its_probabilities_are_frequencies(
    sharpen: float, calibrated: bool
) -> None:
    rng = torch.Generator().manual_seed(0)
    space = LatentSpace([Block("category", "category", "categorical", 5)])
    logits = torch.randn(6000, 5, generator=rng)
    truth = torch.multinomial(logits.softmax(1), 1, generator=rng)[:, 0]
    latents = torch.nn.functional.one_hot(truth, 5).float()
    found = calibration(ranks(space.posterior(sharpen * logits), latents, rng), space.blocks)[
        "category"
    ]
    assert (found.within >= 0.8) == calibrated
    assert (found.error < 0.015) == calibrated


def normal_ranks(means: Tensor, deviations: Tensor, truth: Tensor) -> dict[str, Calibration]:
    """Calibration of a Gaussian posterior ``(N, d)``."""
    space = LatentSpace([Block("noise", "noise", "normal", truth.shape[1])])
    posterior = space.posterior(torch.cat([means, 2 * deviations.log()], dim=1))
    return calibration(ranks(posterior, truth, torch.Generator().manual_seed(1)), [])


def test_opposite_errors_of_dimensions_do_not_cancel() -> None:
    rng = torch.Generator().manual_seed(0)
    truth = torch.randn(4000, 8, generator=rng)
    deviations = torch.cat([torch.full((4000, 4), 0.4), torch.full((4000, 4), 2.5)], dim=1)
    found = normal_ranks(torch.zeros(4000, 8), deviations, truth)["noise"]
    assert np.abs(found.coverage - LEVELS).mean() < 0.1  # what a mean over dimensions would say
    assert found.error > 0.2
    right = normal_ranks(torch.zeros(4000, 8), torch.ones(4000, 8), truth)["noise"]
    assert right.error < 0.01
    assert found.named("noise")["calibration_noise"] == found.error


def test_one_dimension_that_is_wrong_shows_as_the_worst() -> None:
    truth = torch.randn(4000, 16, generator=torch.Generator().manual_seed(0))
    deviations = torch.ones(4000, 16)
    deviations[:, 3] = 0.2
    named = normal_ranks(torch.zeros(4000, 16), deviations, truth)["noise"].named("noise")
    assert named["calibration_noise"] < 0.03
    assert named["calibration_noise_worst"] > 0.3


def test_dimensions_that_are_right_one_by_one_can_be_wrong_together() -> None:
    rng = torch.Generator().manual_seed(0)
    shared = torch.randn(4000, 1, generator=rng)
    truth = shared.expand(4000, 6).contiguous()  # each N(0, 1), all of them the same
    named = normal_ranks(torch.zeros(4000, 6), torch.ones(4000, 6), truth)["noise"].named("noise")
    assert named["calibration_noise"] < 0.01
    assert named["calibration_noise_joint"] > 0.1
    apart = torch.randn(4000, 6, generator=rng)
    found = normal_ranks(torch.zeros(4000, 6), torch.ones(4000, 6), apart)["noise"]
    assert found.named("noise")["calibration_noise_joint"] < 0.01


@pytest.mark.parametrize("kind", ["all equal", "two equal", "rounded"])
def test_a_posterior_with_ties_that_is_right_is_calibrated(kind: str) -> None:
    rng = torch.Generator().manual_seed(0)
    logits = torch.zeros(20000, 10)
    if kind == "two equal":
        logits[:, 2:] = -30
    if kind == "rounded":
        logits = (0.01 * torch.randn(20000, 10, generator=rng)).bfloat16().float()
    truth = torch.multinomial(logits.softmax(1), 1, generator=rng)[:, 0]
    latents = torch.nn.functional.one_hot(truth, 10).float()
    space = LatentSpace([Block("category", "category", "categorical", 10)])
    found = calibration(ranks(space.posterior(logits), latents, rng), space.blocks)["category"]
    assert found.error < 0.01


@pytest.mark.parametrize("dim", [2, 8, 128])
def test_a_point_of_a_sphere_is_ranked_whatever_its_radius(dim: int) -> None:
    space = LatentSpace([Block("noise", "noise", "sphere", dim)])
    rng = torch.Generator().manual_seed(0)
    parameters = torch.randn(6000, space.parameter_size, generator=rng)
    for right in (torch.zeros_like(parameters), parameters):
        posterior = space.posterior(right)
        torch.manual_seed(0)
        found = calibration(ranks(posterior, posterior.sample(), rng), [])["noise"]
        assert found.error < 0.01
    wrong = calibration(ranks(space.posterior(parameters), space.sample(6000, rng), rng), [])
    assert wrong["noise"].error > 0.02


def test_latent_errors_count_from_knowing_nothing() -> None:
    generator = LinearGaussian()
    latents, x = generator.pairs(4000)
    ignorant = generator.latent_space.posterior(
        torch.zeros(4000, generator.latent_space.parameter_size)
    )
    for name, errors in latent_errors(ignorant, latents).items():
        assert errors.mean().item() == pytest.approx(1, abs=0.05), name
    exact = generator.posterior(x)
    variance = generator.posterior(x[:1]).gaussian("noise").variance.mean().item()
    assert latent_errors(exact, latents)["noise"].mean().item() == pytest.approx(variance, rel=0.05)
    # The law of total variance: what the means spread over is what the posterior's variance leaves.
    ratio = norm_ratios(exact)["noise"].square().mean().item()
    assert ratio == pytest.approx(1 - variance, rel=0.05)
