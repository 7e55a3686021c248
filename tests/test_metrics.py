"""Metrics with known answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ssavl.inference import InferenceModel
from ssavl.metrics.clustering import clustering, confusion, kmeans_categories
from ssavl.metrics.likelihood import surrogates
from ssavl.metrics.reconstruction import reconstruction, squared_error
from ssavl.networks.encoder import Encoder
from ssavl.networks.trunk import Trunk
from ssavl.objectives.likelihood import Likelihood
from tests.linear_gaussian import SIGMA, LinearGaussian

CLASSES = np.repeat(np.arange(5), 40)


def test_perfect_categories_in_any_order_score_one() -> None:
    permutation = np.array([3, 1, 4, 0, 2])
    assert all(value == pytest.approx(1) for value in clustering(permutation[CLASSES], CLASSES).values())


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
    assert confusion(np.array([0, 0, 2]), np.array([1, 1, 0]), 3, 2).tolist() == [[0, 2], [0, 0], [1, 0]]


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


class ExactModel(InferenceModel):
    """An inference model whose posterior is the linear-Gaussian generator's own."""

    def __init__(self, generator: LinearGaussian) -> None:
        super().__init__([Encoder(Trunk((1, 28, 28), 1, 1), generator.latent_space)], "exact")
        self.generator = generator

    def posterior(self, x):
        return self.generator.posterior(x)


def test_surrogates_bound_the_exact_log_likelihood_and_the_first_reaches_it() -> None:
    torch.manual_seed(0)
    generator = LinearGaussian()
    x = generator.sample(64)
    rng = torch.Generator().manual_seed(0)
    terms = surrogates(x, ExactModel(generator), generator, Likelihood("gaussian", SIGMA), 400, rng)
    exact = generator.log_prob(x).mean().item()
    assert terms["ll"].mean().item() == pytest.approx(exact, abs=0.02)
    assert terms["ll_code"].mean().item() < exact - 0.05
    assert terms["ll_noise"].mean().item() < exact - 0.05
    assert set(terms) == {"ll", "ll_code", "ll_noise", "kl_noise", "kl_code"}


def test_surrogates_leave_out_what_the_model_cannot_infer() -> None:
    generator = LinearGaussian()
    noise = Encoder(Trunk((1, 28, 28), 1, 1), generator.latent_space.subspace("noise"))
    model = InferenceModel([noise], "ssavl2")
    model.posterior = lambda x: generator.posterior(x).over(noise.space)  # type: ignore[method-assign]
    rng = torch.Generator().manual_seed(0)
    assert set(surrogates(generator.sample(3), model, generator, Likelihood(), 1, rng)) == {"ll_noise", "kl_noise"}
