"""Disentanglement where the answer is known:
closed forms, extreme codes, and the formulas once more in plain loops.
"""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

import ssavl
from ssavl.datasets.dsprites import DSprites
from ssavl.errors import UserError
from ssavl.evaluate.disentanglement import encode
from ssavl.generators.description import BlockDescription
from ssavl.generators.origin import Origin
from ssavl.latents.priors import Block
from ssavl.latents.space import Factorised, LatentSpace
from ssavl.metrics.disentanglement.all import Disentanglement, disentanglement
from ssavl.metrics.disentanglement.beta_vae import beta_vae
from ssavl.metrics.disentanglement.dci import concentration, dci
from ssavl.metrics.disentanglement.factor_vae import PRESETS, FactorVaeProtocol, factor_vae, spreads
from ssavl.metrics.disentanglement.information import entropies, mig, modularity, mutual_information
from ssavl.metrics.disentanglement.peers import Peers
from ssavl.metrics.disentanglement.representation import Representation, represent
from ssavl.metrics.disentanglement.sap import sap
from ssavl.models.files import Saved, save_model
from ssavl.models.inference import InferenceModel
from ssavl.networks.encoder import Encoder
from ssavl.networks.trunk import Trunk
from ssavl.params.evaluate import EvaluateDisentanglementParams
from tests.conftest import invoke

SIZES = (3, 4, 5)
FEW = {
    name: replace(preset, train_votes=200, test_votes=min(preset.test_votes, 100))
    for name, preset in PRESETS.items()
}
SMALL = ["--set", "evaluate-disentanglement={train: 100, test: 50, batch_size: 8, trees: 1}"]


def draws(n: int, seed: int = 0, sizes: tuple[int, ...] = SIZES) -> np.ndarray:
    """Independent uniform factors ``(n, F)``."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(size, size=n) for size in sizes], axis=1)


def grid(sizes: tuple[int, ...] = SIZES) -> np.ndarray:
    """Every combination once."""
    return np.stack(np.unravel_index(np.arange(np.prod(sizes)), sizes), axis=1)


def mixed(factors: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A code in which no score is 0 or 1: each dimension is a factor, a little of the next,
    and noise.
    """
    scaled = factors / np.array(SIZES)
    noise = rng.normal(size=(len(factors), 4))
    return (
        np.column_stack([scaled + 0.35 * np.roll(scaled, 1, axis=1), np.zeros(len(factors))])
        + 0.12 * noise
    )


def scores(
    sample: Representation, train: int = 600, test: int = 300, trees: int = 2
) -> dict[str, float]:
    """Every metric of a sample, with the votes of tests."""
    rng = np.random.default_rng(0)
    first, rest = sample.rows(slice(train)), sample.rows(slice(train, train + test))
    information = mutual_information(first, 20)
    found = dci(first, rest, trees, 1)
    result = {
        "factor_vae": factor_vae(sample, FEW["dlib"], train, rng).score,
        "beta_vae": beta_vae(sample, 400, 200, rng),
        "mig": mig(information, entropies(first.factors)),
        "sap": sap(first, rest, 1)[0],
        "modularity": modularity(information),
    }
    parts = ("disentanglement", "completeness", "informativeness")
    return result | {f"dci_{name}": float(getattr(found, name)) for name in parts}


def test_the_factors_themselves_score_one() -> None:
    factors = draws(900)
    found = scores(represent(factors * 1.0, factors))
    for name in (
        "factor_vae",
        "beta_vae",
        "mig",
        "modularity",
        "dci_disentanglement",
        "dci_completeness",
    ):
        assert found[name] >= 0.95, name
    assert found["dci_informativeness"] >= 0.95
    # a line separates few of five values: what a linear machine can do bounds it
    assert 0.2 < found["sap"] < 1


def test_a_code_twice_separates_nothing() -> None:
    factors = draws(900)
    found = scores(represent(np.tile(factors * 1.0, 2), factors))
    assert found["mig"] == pytest.approx(0, abs=1e-9)
    assert found["sap"] == pytest.approx(0, abs=1e-9)
    assert found["factor_vae"] >= 0.95  # a dimension still belongs to one factor each
    assert found["modularity"] >= 0.95
    assert found["dci_disentanglement"] >= 0.95


def test_a_rotated_code_is_entangled() -> None:
    factors = draws(900)
    scaled = (factors - factors.mean(axis=0)) / factors.std(axis=0)
    rotation, _ = np.linalg.qr(np.array([[1.0, 1, 1], [1, -1, 0.2], [1, 0.3, -1]]))
    plain, rotated = (
        scores(represent(scaled, factors)),
        scores(represent(scaled @ rotation, factors)),
    )
    for name in (
        "mig",
        "sap",
        "factor_vae",
        "modularity",
        "dci_disentanglement",
        "dci_completeness",
    ):
        assert rotated[name] < plain[name] - 0.15, name
    assert rotated["mig"] < 0.2


def test_a_constant_code_scores_nothing() -> None:
    factors = draws(900)
    found = scores(represent(np.full((900, 3), 0.7), factors))
    for name in (
        "factor_vae",
        "mig",
        "sap",
        "modularity",
        "dci_disentanglement",
        "dci_completeness",
    ):
        assert found[name] == 0, name
    assert found["beta_vae"] == pytest.approx(1 / 3, abs=0.1)  # chance
    assert found["dci_informativeness"] == pytest.approx(
        np.mean([1 / size for size in SIZES]), abs=0.06
    )


def test_a_random_code_scores_at_chance() -> None:
    factors = draws(900)
    found = scores(represent(np.random.default_rng(1).normal(size=(900, 4)), factors))
    assert found["factor_vae"] == pytest.approx(1 / 3, abs=0.12)
    assert found["beta_vae"] == pytest.approx(1 / 3, abs=0.12)
    assert found["mig"] < 0.03  # what is left is the bias of an estimate from 600 points
    assert found["sap"] < 0.06
    assert found["dci_disentanglement"] < 0.4


def test_permuting_dimensions_changes_nothing() -> None:
    factors = draws(900)
    codes = mixed(factors, np.random.default_rng(0))
    plain, permuted = (
        scores(represent(codes, factors)),
        scores(represent(codes[:, [2, 0, 3, 1]], factors)),
    )
    for name, value in plain.items():
        # Trees break ties between equally good splits by the order of dimensions.
        assert permuted[name] == pytest.approx(
            value, abs=0.01 if name.startswith("dci") else 1e-6
        ), name


def test_a_category_alone_knows_its_factor() -> None:
    factors = draws(900)
    one_hot = np.eye(3)[factors[:, 0]]
    sample = represent(
        one_hot, factors, groups=np.array([4, 4, 4]), kl=np.array([math.log(3), 0, 0])
    )
    assert sample.values.tolist() == factors[:, :1].tolist()
    assert sample.categorical.tolist() == [True]
    assert sample.kl is not None
    assert sample.kl.tolist() == [math.log(3)]
    found = scores(sample)
    assert found["mig"] == pytest.approx(1 / 3, abs=0.02)  # all of one factor of three
    assert found["modularity"] >= 0.95
    # Importances are shares of what the trees could use, and here that is one dimension whatever
    # the factor.
    assert found["dci_disentanglement"] == pytest.approx(0)
    assert found["dci_completeness"] == pytest.approx(1)
    for preset in FEW.values():
        score = factor_vae(sample, preset, 600, np.random.default_rng(0)).score
        # one dimension, one guess among three factors: chance, which some count as nothing
        assert score == pytest.approx(0 if preset.scaled else 1 / 3, abs=0.1)


def test_dci_is_finite_in_every_draw() -> None:
    for seed in range(200):
        factors = draws(60, seed, (2, 3))
        codes = np.column_stack([factors, np.random.default_rng(seed).normal(size=(60, 2))])
        sample = represent(codes.astype(float), factors)
        found = dci(sample.rows(slice(40)), sample.rows(slice(40, None)), trees=2, jobs=1)
        assert (found.importances >= 0).all()
        assert 0 <= found.disentanglement <= 1
        assert 0 <= found.completeness <= 1


def test_a_category_that_says_nothing_is_pruned_where_its_protocol_prunes_categories() -> None:
    factors = draws(600)
    kl = np.array([0.0, 0.0, 0.0])
    sample = represent(np.eye(3)[factors[:, 0]], factors, groups=np.array([4, 4, 4]), kl=kl)
    rng = np.random.default_rng(0)
    assert factor_vae(sample, FEW["cascade"], 600, rng).active.all()
    assert not factor_vae(sample, FEW["jointvae"], 600, rng).active.any()


def test_votes_per_factor_are_equal_where_the_protocol_says_so() -> None:
    factors = draws(600)
    sample = represent(factors.astype(float), factors, kl=np.full(factors.shape[1], 1.0))
    found = factor_vae(sample, FEW["cascade"], 600, np.random.default_rng(0))
    by_factor = found.votes.sum(0)
    assert by_factor.max() - by_factor.min() <= 1
    assert factor_vae(sample, FEW["jointvae"], 600, np.random.default_rng(0)).score == 0.0
    silent = represent(factors.astype(float), factors, kl=np.zeros(factors.shape[1]))
    chance = 1 / factors.shape[1]
    assert factor_vae(silent, FEW["cascade"], 600, np.random.default_rng(0)).score == chance


def test_permuting_a_categorys_values_changes_gini_votes_nothing() -> None:
    factors = draws(600)
    codes = np.column_stack(
        [np.eye(5)[factors[:, 2]], factors[:, :2] + np.random.default_rng(0).normal(size=(600, 2))]
    )
    groups = np.array([1, 1, 1, 1, 1, 0, 0])
    order = [3, 0, 4, 1, 2, 5, 6]
    protocol = replace(FEW["jointvae"], least_kl=None)
    found = [
        factor_vae(represent(c, factors, groups=groups), protocol, 600, np.random.default_rng(0))
        for c in (codes, codes[:, order])
    ]
    assert np.array_equal(found[0].votes, found[1].votes)


def test_gini_variance_is_its_definition() -> None:
    factors = draws(40)
    sample = represent(np.eye(5)[factors[:, 2]], factors, groups=np.ones(5, np.int64))
    index = factors[:, 2]
    pairs = sum(int(a != b) for a, b in itertools.product(index, index))
    assert spreads(sample, sample.values[None], True).item() == pytest.approx(pairs / (2 * 40 * 39))


def test_information_in_closed_form() -> None:
    factors = grid((40, 32))
    sample = represent(factors * 1.0, factors)
    information = mutual_information(sample, 20)
    assert information[0, 0] == pytest.approx(math.log(20))  # two of forty values in each bin
    # Of 32 values in 20 bins of equal width, twelve bins hold two and eight hold one.
    thirty_two = -12 * 2 / 32 * math.log(2 / 32) - 8 / 32 * math.log(1 / 32)
    assert information[1, 1] == pytest.approx(thirty_two)
    assert np.abs([information[0, 1], information[1, 0]]).max() < 1e-9
    assert entropies(factors) == pytest.approx([math.log(40), math.log(32)])
    bound = (math.log(20) / math.log(40) + thirty_two / math.log(32)) / 2
    assert mig(information, entropies(factors)) == pytest.approx(bound)
    assert bound < 0.87
    assert modularity(information) == pytest.approx(1)
    enough = mutual_information(sample, 40)
    # 32 values share bins of 40 still
    assert mig(enough, entropies(factors)) == pytest.approx(1, abs=0.06)


def test_gap_and_modularity_by_hand() -> None:
    information = np.array([[0.6, 0.0], [0.1, 0.4], [0.0, 0.4], [0.0, 0.0]])
    assert mig(information, np.array([1.0, 0.5])) == pytest.approx((0.5 / 1.0 + 0) / 2)
    assert modularity(information) == pytest.approx((1 + (1 - 0.01 / 0.16) + 1 + 0) / 4)
    # one dimension has no second
    assert mig(np.array([[0.3, 0.2]]), np.array([0.6, 0.4])) == pytest.approx(0.5)


def test_concentration_in_closed_form() -> None:
    assert concentration(np.eye(3)) == pytest.approx(1)
    assert concentration(np.ones((3, 4))) == pytest.approx(0)
    assert concentration(np.zeros((3, 4))) == 0
    half = np.array([[0.5, 0.5, 0], [0, 0, 3.0], [0, 0, 0]])
    assert concentration(half) == pytest.approx((1 * (1 - math.log(2) / math.log(3)) + 3 * 1) / 4)
    assert concentration(np.array([[2.0], [1.0]])) == 1


def test_presets_differ_as_defined() -> None:
    """A dimension with little spread, one that says nothing of its prior,
    and a category in an unlucky order.
    """
    factors = draws(4000)
    rng = np.random.default_rng(0)
    codes = np.column_stack([factors[:, 0] * 0.02, factors[:, 1] * 1.0, np.eye(5)[factors[:, 2]]])
    codes[:, 1] += 0.05 * rng.normal(size=4000)
    sample = represent(
        codes,
        factors,
        kl=np.array([2.0, 0.5, math.log(5), 0, 0, 0, 0]),
        groups=np.array([0, 0, 7, 7, 7, 7, 7]),
    )
    active = {
        name: factor_vae(sample, preset, 2000, rng).active.tolist() for name, preset in FEW.items()
    }
    assert active == {
        "dlib": [False, True, True],  # deviation .016
        "ubisoft": [False, True, True],
        "jointvae": [True, False, True],  # half a nat
        "cascade": [True, True, True],
    }
    assert {
        name: (p.batch, p.train_votes, p.test_votes, p.gini) for name, p in PRESETS.items()
    } == {
        "dlib": (64, 10_000, 5_000, False),
        "jointvae": (100, 500, 0, True),
        "cascade": (100, 800, 0, True),
        "ubisoft": (200, 800, 800, False),
    }
    votes = factor_vae(sample, FEW["cascade"], 2000, rng).votes
    assert votes.sum() == 200
    with pytest.raises(ValueError, match="divergence"):
        factor_vae(represent(codes, factors), FEW["cascade"], 2000, rng)


def test_scoring_on_training_votes_flatters() -> None:
    factors = draws(900)
    sample = represent(np.random.default_rng(0).normal(size=(900, 40)), factors)
    few = FactorVaeProtocol(32, 60, 0, 0.05, None, False)
    own, fresh = [
        np.mean(
            [factor_vae(sample, p, 900, np.random.default_rng(seed)).score for seed in range(5)]
        )
        for p in (few, replace(few, test_votes=300))
    ]
    assert own > fresh + 0.15


def test_peers_share_their_value() -> None:
    classes = np.array([3, 1, 3, 0, 1, 3, 3])
    peers = Peers(classes, "shape")
    rng = np.random.default_rng(0)
    seen = set()
    for rows in peers.batches(300, 3, rng):
        for batch in rows:
            assert len(set(classes[batch])) == 1
            assert (
                len(set(batch.tolist()))
                == len(batch)
                == min(3, (classes == classes[batch[0]]).sum())
            )
            seen |= set(batch.tolist())
    assert seen == {0, 1, 2, 4, 5, 6}  # all but the one that is alone
    one, other = peers.pairs((500, 2), rng)
    assert (classes[one] == classes[other]).all()
    assert (one != other).all()
    with pytest.raises(UserError, match="factor shape"):
        Peers(np.arange(5), "shape")


def plain_factor_vae(protocol: FactorVaeProtocol, rng: np.random.Generator) -> float:
    """The definition, with fresh points for every vote."""
    scale = mixed(draws(600, int(rng.integers(1 << 30))), rng).var(axis=0, ddof=1)
    tables = []
    for votes in (protocol.train_votes, protocol.test_votes):
        table = np.zeros((4, 3))
        for _ in range(votes):
            k = rng.integers(3)
            factors = draws(protocol.batch, int(rng.integers(1 << 30)))
            factors[:, k] = factors[0, k]
            table[np.argmin(mixed(factors, rng).var(axis=0, ddof=1) / scale), k] += 1
        tables.append(table)
    return sum(tables[1][d, tables[0][d].argmax()] for d in range(4)) / tables[1].sum()


def plain_beta_vae(train: int, test: int, rng: np.random.Generator) -> float:
    x, y = [], []
    for _ in range(train + test):
        k = rng.integers(3)
        one, other = draws(64, int(rng.integers(1 << 30))), draws(64, int(rng.integers(1 << 30)))
        other[:, k] = one[:, k]
        x.append(np.abs(mixed(one, rng) - mixed(other, rng)).mean(axis=0))
        y.append(k)
    return LogisticRegression().fit(x[:train], y[:train]).score(x[train:], y[train:])


def plain_information(column: np.ndarray, factor: np.ndarray, bins: int) -> float:
    """Sum of p log (p / q r) over the cells, counted one point at a time."""
    low, high = column.min(), column.max()
    joint: dict[tuple[int, int], float] = {}
    for value, own in zip(column, factor, strict=True):
        cell = (min(bins - 1, int((value - low) / (high - low) * bins)), int(own))
        joint[cell] = joint.get(cell, 0) + 1 / len(column)
    one = {b: sum(p for (i, _), p in joint.items() if i == b) for b, _ in joint}
    two = {f: sum(p for (_, j), p in joint.items() if j == f) for _, f in joint}
    return sum(p * math.log(p / one[b] / two[f]) for (b, f), p in joint.items())


def test_votes_of_one_sample_agree_with_fresh_points_for_every_vote() -> None:
    """Ten draws each; the means may differ by what their spread allows."""
    protocol = FactorVaeProtocol(16, 120, 80, 0.05, None, False)
    ours, plain = [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        factors = draws(900, seed)
        sample = represent(mixed(factors, rng), factors)
        ours.append((factor_vae(sample, protocol, 600, rng).score, beta_vae(sample, 120, 80, rng)))
        plain.append((plain_factor_vae(protocol, rng), plain_beta_vae(120, 80, rng)))
    error = np.sqrt((np.var(ours, axis=0, ddof=1) + np.var(plain, axis=0, ddof=1)) / 10)
    assert np.abs(np.mean(ours, axis=0) - np.mean(plain, axis=0)) == pytest.approx(
        0, abs=3.5 * float(error.max())
    )
    assert error.max() < 0.03
    assert np.mean(plain, axis=0).min() > 0.4


def test_information_gap_and_separation_agree_with_plain_loops() -> None:
    factors = draws(450)
    codes = mixed(factors, np.random.default_rng(0))
    sample = represent(codes, factors)
    table = [
        [plain_information(codes[:, d], factors[:, f], 20) for f in range(3)] for d in range(4)
    ]
    assert mutual_information(sample, 20) == pytest.approx(np.array(table), abs=1e-9)
    gap = []
    for f in range(3):
        own = sorted((row[f] for row in table), reverse=True)
        shares = [np.mean(factors[:, f] == value) for value in range(SIZES[f])]
        gap.append((own[0] - own[1]) / -sum(p * math.log(p) for p in shares))
    assert mig(np.array(table), entropies(factors)) == pytest.approx(np.mean(gap))
    first, rest = sample.rows(slice(300)), sample.rows(slice(300, None))
    separation = []
    for f in range(3):
        hits = []
        for d in range(4):
            machine = LinearSVC(C=0.01, class_weight="balanced").fit(
                codes[:300, d : d + 1], factors[:300, f]
            )
            hits.append(np.mean(machine.predict(codes[300:, d : d + 1]) == factors[300:, f]))
        separation.append(sorted(hits)[-1] - sorted(hits)[-2])
    assert sap(first, rest, 2)[0] == pytest.approx(np.mean(separation))


def whole(sample: Representation, seed: int = 0, jobs: int = 1) -> Disentanglement:
    return disentanglement(sample, 120, 60, 20, 1, seed, jobs)


def test_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ssavl.metrics.disentanglement.all.PRESETS", FEW)
    factors = np.column_stack([draws(400), np.zeros(400, np.int64)])
    codes = mixed(factors[:, :3], np.random.default_rng(0))
    names = ["a", "b", "c", "constant"]
    found = whole(represent(codes, factors, kl=np.array([3.0, 3, 3, 0]), names=names))
    assert all(value is not None and 0 <= value <= 1 for value in found.scores.values())
    assert found.tables["factors"] == ["a", "b", "c"]  # nothing can be said of what does not vary
    assert (found.tables["train"], found.tables["test"]) == (120, 60)
    assert found.tables["factor_vae"]["jointvae"]["active"] == ["code_0", "code_1", "code_2"]
    assert found.tables["factor_vae"]["ubisoft"]["smallest_batch"] < 60  # of a fifth of 180 points
    assert (
        whole(represent(codes, factors, kl=np.array([3.0, 3, 3, 0]), names=names), jobs=3) == found
    )
    without = whole(represent(codes, factors))
    assert without.scores["factor_vae_jointvae"] is without.scores["factor_vae_cascade"] is None
    assert without.scores["mig"] == found.scores["mig"]
    small = whole(represent(codes[:90], factors[:90]))
    assert (small.tables["train"], small.tables["test"]) == (60, 30)
    with pytest.raises(UserError, match="disentanglement needs two"):
        whole(represent(codes, factors[:, [0, 3]]))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"codes": np.zeros((40, 2))}, "has no factors"),
        ({"codes": np.zeros((40, 2)), "factors": draws(39)}, "do not fit"),
        ({"codes": np.zeros((9, 2)), "factors": draws(9)}, "too few"),
        ({"codes": np.full((40, 2), np.nan), "factors": draws(40)}, "not finite"),
        ({"codes": np.zeros((40, 2)), "factors": draws(40) * 0.5}, "whole numbers are needed"),
        ({"codes": np.zeros((40, 2)), "factors": draws(40), "kl": np.zeros(3)}, "kl has 3 entries"),
        (
            {"codes": np.zeros((40, 2)), "factors": draws(40), "categories": np.zeros(1, int)},
            "categories has 1",
        ),
        (
            {"codes": np.zeros((40, 2)), "factors": draws(40), "names": np.array(["a"])},
            "1 and 3 names",
        ),
    ],
)
def test_codes_that_cannot_be_measured(arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez("codes.npz", **arrays)  # type: ignore[arg-type]
    result = invoke("evaluate", "disentanglement", "--codes", "codes.npz", "--out", "out", *SMALL)
    assert result.exit_code == 1
    assert message in result.stderr
    assert "codes.npz" in result.stderr
    assert not Path("out").exists()


def test_anyones_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ssavl.metrics.disentanglement.all.PRESETS", FEW)
    factors = draws(200)
    names, factor_names = np.array(["x", "y", "d", "d", "d"]), np.array(["shape", "size", "place"])
    codes = np.column_stack([factors[:, 1:], np.eye(3)[factors[:, 0]]])
    more = {"kl": np.array([2.0, 2.0, 1.09, 0, 0]), "categories": np.array([0, 0, 1, 1, 1])}
    np.savez(
        "codes.npz",
        codes=codes,
        factors=factors + 7,
        names=names,
        factor_names=factor_names,
        **more,  # type: ignore[arg-type]
    )
    result = invoke(
        "evaluate", "disentanglement", "--codes", "codes.npz", "--out", "out", "--json", *SMALL
    )
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report == json.loads(Path("out/disentanglement.json").read_text())
    assert report["tables"]["codes"]["dimensions"] == ["x", "y", "d"]
    assert report["scores"]["codes"]["mig"] > 0.85
    assert report["scores"]["codes"]["factor_vae_jointvae"] > 0.9
    compared = invoke("compare", "a=out")
    assert compared.exit_code == 0, compared.output
    assert "| dci_disentanglement |" in compared.output


def encoders(path: Path, size: int = 64) -> Path:
    """An untrained model of two codes, a category and noise."""
    torch.manual_seed(0)
    blocks = [Block("noise", "noise", "normal", 2), Block("code", "code", "normal", 2)]
    space = LatentSpace([*blocks, Block("category", "category", "categorical", 3)])
    described = [BlockDescription(**entry) for entry in space.config]
    origin = Origin(weights="0" * 16, space=described, path="generator.pt")
    model = InferenceModel([Encoder(Trunk((1, size, size), 2, 8), space)], "ssavl", origin=origin)
    path.mkdir()
    save_model(path / "encoders.pt", Saved("ssavl", inference=model))
    return path


def test_encoders_on_rendered_sprites(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ssavl.metrics.disentanglement.all.PRESETS", FEW)
    encoders(Path("e"))
    reports = []
    for batch_size in (8, 150):
        more = ("--set", f"evaluate-disentanglement.batch_size={batch_size}", "--json")
        result = invoke(
            "evaluate", "disentanglement", "--encoders", "e", "--data", "dsprites", *SMALL, *more
        )
        assert result.exit_code == 0, result.output
        reports.append(json.loads(result.stdout))
    small, large = reports
    assert small["tables"]["ssavl"]["dimensions"] == ["code_0", "code_1", "category"]
    # one colour
    assert small["tables"]["ssavl"]["factors"] == ["shape", "scale", "orientation", "posX", "posY"]
    assert small["tables"]["ssavl"]["kl"] == pytest.approx(large["tables"]["ssavl"]["kl"], rel=1e-4)
    for name, value in small["scores"]["ssavl"].items():
        assert value == pytest.approx(large["scores"]["ssavl"][name], abs=1e-6), name


def test_sprites_are_fitted_to_the_size_that_the_encoders_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ssavl.metrics.disentanglement.all.PRESETS", FEW)
    encoders(Path("e"), 28)
    result = invoke(
        "evaluate", "disentanglement", "--encoders", "e", "--data", "dsprites", *SMALL, "--json"
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["data"] == "dsprites at 28 pixels"


def test_codes_and_divergences_are_those_of_the_model() -> None:
    model = ssavl.load(encoders(Path("e")))
    data = DSprites()
    index = data.draw(50, np.random.default_rng(0))
    sample = encode(model, data, index, EvaluateDisentanglementParams(batch_size=7))
    posterior = model.posterior(data.take(index))
    assert isinstance(posterior, Factorised)
    parts = model.inference.space.split(posterior.mode.cpu())
    assert np.allclose(sample.values[:, :2], parts["code"], atol=1e-5)
    assert np.array_equal(sample.values[:, 2], parts["category"].argmax(1))
    assert np.array_equal(
        sample.factors[:, 1], np.unique(data.classes(index)[:, 1], return_inverse=True)[1]
    )
    only = encode(model, data, index, EvaluateDisentanglementParams(roles=["noise"]))
    assert only.dimensions == ("noise_0", "noise_1")
    divergence = posterior.kl()
    assert sample.kl is not None
    assert sample.kl[:2].sum() == pytest.approx(divergence["code"].mean().item(), rel=1e-4)
    assert sample.kl[2] == pytest.approx(divergence["category"].mean().item(), rel=1e-4)


def test_encoders_on_a_table_of_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ssavl.metrics.disentanglement.all.PRESETS", FEW)
    Path("pictures").mkdir()
    lines = ["file,size,grey"]
    for place, (size, grey, copy) in enumerate(
        itertools.product((8, 12, 16), (90, 160, 250), range(4))
    ):
        picture = np.zeros((28, 28), np.uint8)
        picture[copy : copy + size, 2 : 2 + size] = grey
        Image.fromarray(picture).save(f"pictures/{place}.png")
        lines.append(f"{place}.png,{size},{grey}")
    Path("factors.csv").write_text("\n".join(lines))
    encoders(Path("e"), 28)
    encoders(Path("f"), 28)
    arguments = (
        "evaluate",
        "disentanglement",
        "--encoders",
        "e",
        "--encoders",
        "f",
        "--data",
        "factors.csv",
    )
    result = invoke(*arguments, "--images", "pictures", "--out", "out", *SMALL)
    assert result.exit_code == 0, result.output
    assert "factor_vae_dlib" in result.stdout
    report = json.loads(Path("out/disentanglement.json").read_text())
    assert list(report["scores"]) == ["ssavl", "f"]
    assert report["scores"]["ssavl"] == report["scores"]["f"]
    assert report["tables"]["f"]["factors"] == ["size", "grey"]
    assert report["tables"]["f"]["train"] == 24  # two thirds of what there is
    result = invoke(*arguments, *SMALL)
    assert result.exit_code == 1
    assert "relative to" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([], 2, "or --codes"),
        (["--encoders", "e"], 2, "need --data"),
        (["--codes", "c.npz", "--data", "dsprites"], 2, "leave --data"),
        (["--codes", "c.npz"], 1, "c.npz does not exist"),
        (["--encoders", "e", "--data", "sprites"], 1, "name dsprites"),
        (["--encoders", "nowhere", "--data", "dsprites"], 1, "does not exist"),
        (
            ["--encoders", "e", "--data", "f.csv", "--set", "evaluate-disentanglement.roles=[]"],
            2,
            "roles = []",
        ),
    ],
)
def test_requests_that_cannot_be_met(arguments: list[str], status: int, message: str) -> None:
    encoders(Path("e"), 28)
    result = invoke("evaluate", "disentanglement", *SMALL, *arguments)
    assert result.exit_code == status
    assert message in result.stderr
    assert not Path("data").exists()


def test_a_dry_run_writes_nothing() -> None:
    result = invoke("evaluate", "disentanglement", "--codes", "c.npz", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "train: 10000" in result.stdout
    assert not list(Path().iterdir())
