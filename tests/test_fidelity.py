"""Fidelity: torch-fidelity's own numbers, closed forms, floors,
and what must move a distance and what must not.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch_fidelity
from PIL import Image
from torch import Tensor
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from ssavl.datasets.prepared import read_prepared
from ssavl.engine.device import choose
from ssavl.metrics import fidelity as metric
from ssavl.metrics.fidelity import (
    ClassifierFeatures,
    Features,
    classifier_judge,
    features,
    fidelity,
    frechet,
)
from ssavl.models.extractor import Extractor, load_extractor
from ssavl.storage.files import sha256
from tests.conftest import image_folder, invoke, tiny_overrides
from tests.test_extractor import train

DISTANCE = "frechet_classifier_distance"
OURS = {
    "frechet_inception_distance": DISTANCE,
    "kernel_inception_distance_mean": "kernel_classifier_distance",
    "inception_score_mean": "classifier_score",
    "precision": "precision",
    "recall": "recall",
}


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the embedded digits, prepared, and a small classifier of them."""
    root = tmp_path_factory.mktemp("digits")
    torch.set_num_threads(1)
    assert invoke("prepare-data", "--out", root / "prepared").exit_code == 0
    arguments = train(
        str(root / "extractor"),
        str(root / "prepared"),
        width=8,
        features=32,
        iterations=120,
        decay=60,
    )
    result = invoke(*arguments, "--set", "train-extractor.batch_size=64")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["accuracy"]["test"] > 0.85
    return root


@pytest.fixture
def extractor(digits: Path) -> Extractor:
    return load_extractor(digits / "extractor")


def real_digits(digits: Path, n: int) -> tuple[Tensor, Tensor]:
    """Test digits ``(n, 1, 28, 28)`` in [0, 1], and their classes."""
    prepared = read_prepared(digits / "prepared")
    return next(prepared.batches("test", n)), torch.tensor(prepared.labels_of("test")[:n])


def seen(extractor: Extractor, x: Tensor, batch: int = 100) -> Features:
    return features(x.split(batch), {"judge": classifier_judge(extractor)})["judge"]


def evaluate(*arguments: str | Path) -> dict[str, Any]:
    result = invoke("evaluate", "fidelity", *arguments, "--json", *tiny_overrides())
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture(scope="module")
def more(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More images for the tiny study: ``images``, ``prepared`` and an ``extractor`` of them."""
    root = tmp_path_factory.mktemp("more")
    image_folder(root / "images", per_class=100)
    overrides = tiny_overrides(prepare_data__root=root / "images", prepare_data__test_fraction=0.4)
    assert invoke("prepare-data", "--out", root / "prepared", *overrides).exit_code == 0
    assert invoke(*train(str(root / "extractor"), str(root / "prepared"))).exit_code == 0
    return root


@pytest.fixture
def judged(data: Path, more: Path) -> Path:
    """The tiny study with more images and an extractor of them."""
    for name in ("images", "prepared", "extractor"):
        shutil.copytree(more / name, data / name, dirs_exist_ok=True)
    return data


def save_pngs(folder: Path, images: Tensor) -> None:
    folder.mkdir()
    for index, x in enumerate(images):
        Image.fromarray((x[0] * 255).round().byte().numpy()).save(folder / f"{index:05}.png")


def test_it_is_what_torch_fidelity_says_of_the_same_images_on_disk(judged: Path) -> None:
    found = evaluate("-n", "60", "--split", "test")
    extractor = load_extractor(judged / "extractor")

    class Registered(ClassifierFeatures):
        def __init__(self, name: str, features_list: list[str], **kwargs: object) -> None:
            super().__init__(extractor.network, name)

    name = f"test-{extractor.weights}"
    torch_fidelity.register_feature_extractor(name, Registered)
    assert invoke("sample", "-n", "60", "-o", "made", *tiny_overrides()).exit_code == 0
    prepared = read_prepared(judged / "prepared")
    order = torch.randperm(len(prepared.span("test")), generator=torch.Generator().manual_seed(0))
    save_pngs(Path("reference"), prepared.take("test", order[:60]))
    save_pngs(Path("other"), prepared.take("test", order[60:120]))
    for column, folder in (("generated", "made"), ("real", "other")):
        expected = torch_fidelity.calculate_metrics(
            input1=folder,
            input2="reference",
            feature_extractor=name,
            fid=True,
            kid=True,
            isc=True,
            prc=True,
            isc_splits=1,  # few images
            kid_subsets=1,
            kid_subset_size=60,
            rng_seed=0,
            cuda=False,
            cache=False,
            save_cpu_ram=True,
            verbose=False,
        )
        for theirs, ours in OURS.items():
            assert found["classifier"][column][ours] == pytest.approx(
                expected[theirs], rel=1e-4, abs=1e-6
            ), ours
    assert found["classifier"]["generated"][DISTANCE] > found["classifier"]["real"][DISTANCE] > 0


def test_the_distance_of_gaussian_features_is_the_closed_form() -> None:
    rng = torch.Generator().manual_seed(0)
    basis, _ = torch.linalg.qr(torch.randn(6, 6, generator=rng, dtype=torch.float64))
    moments = []
    sets = []
    for _ in range(2):
        mean = torch.randn(6, generator=rng, dtype=torch.float64)
        variances = torch.rand(6, generator=rng, dtype=torch.float64) + 0.2
        draw = torch.randn(400, 6, generator=rng, dtype=torch.float64)
        draw -= draw.mean(0)
        white = draw @ torch.linalg.inv(torch.linalg.cholesky(draw.T @ draw / 399)).T
        sets.append(mean + (white * variances.sqrt()) @ basis.T)
        moments.append((mean, variances))
    (m, a), (k, b) = moments
    # the two covariances commute
    expected = (m - k).square().sum() + (a.sqrt() - b.sqrt()).square().sum()
    assert frechet(*sets) == pytest.approx(expected.item(), rel=1e-9)
    assert frechet(sets[0].float(), sets[1].float()) == pytest.approx(expected.item(), rel=1e-4)


def test_a_frozen_copy_of_real_images_scores_at_the_floor(
    digits: Path, extractor: Extractor
) -> None:
    judge = classifier_judge(extractor)
    x, _ = real_digits(digits, 1500)
    reference, other, third = (seen(extractor, part) for part in x.split(500))
    floor = fidelity(other, reference, judge, 0)
    copy = fidelity(third, reference, judge, 0)
    worse = fidelity(seen(extractor, torch.rand(500, 1, 28, 28)), reference, judge, 0)
    same = fidelity(reference, reference, judge, 0)
    assert same[DISTANCE] == pytest.approx(0, abs=1e-3)
    assert same["precision"] == same["recall"] == 1
    assert copy[DISTANCE] == pytest.approx(floor[DISTANCE], rel=0.5)
    assert abs(copy["precision"] - floor["precision"]) < 0.05
    assert worse[DISTANCE] > 50 * floor[DISTANCE]
    # precision is blind here: one outlier's ball covers the noise
    assert worse["recall"] < 0.1 < 0.8 < floor["recall"]
    assert 1 < worse["classifier_score"] < floor["classifier_score"] < 10


def test_noise_and_dropped_classes_raise_the_distance_step_by_step(
    digits: Path, extractor: Extractor
) -> None:
    x, labels = real_digits(digits, 2000)
    reference, pool, classes = seen(extractor, x[:500]), x[500:], labels[500:]
    noise = torch.randn(500, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    noisy = [
        frechet_to(reference, seen(extractor, pool[:500] + scale * noise))
        for scale in (0, 0.1, 0.2, 0.4, 0.8)
    ]
    assert noisy == sorted(noisy)
    assert noisy[1] > 1.2 * noisy[0]
    kept = [seen(extractor, pool[classes < 10 - dropped][:400]) for dropped in (0, 2, 4, 6, 8)]
    distances = [frechet_to(reference, each) for each in kept]
    assert distances == sorted(distances)
    assert distances[1] > 1.2 * distances[0]


def frechet_to(reference: Features, images: Features) -> float:
    return frechet(images["features"], reference["features"])


def test_the_batch_changes_nothing(judged: Path, extractor: Extractor, digits: Path) -> None:
    x, _ = real_digits(digits, 50)
    torch.testing.assert_close(
        seen(extractor, x, 1)["features"], seen(extractor, x, 50)["features"]
    )
    whole = evaluate("-n", "40", "--cache", "a")
    parts = evaluate("-n", "40", "--cache", "b", "--set", "evaluate-fidelity.batch_size=7")
    for column in ("generated", "real"):
        for name, value in whole["classifier"][column].items():
            assert parts["classifier"][column][name] == pytest.approx(value, rel=1e-4, abs=1e-6), (
                name
            )


def test_grey_images_are_read_as_on_disk_and_values_outside_are_clipped(
    extractor: Extractor,
) -> None:
    x = torch.rand(4, 1, 28, 28) * 1.5 - 0.25
    rounded = (x.clamp(0, 1) * 255).round() / 255
    torch.testing.assert_close(seen(extractor, x)["features"], extractor.features(rounded))
    torch.testing.assert_close(seen(extractor, x)["logits"], extractor.logits(rounded))
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(seen(extractor, x)["features"], extractor.features(rounded))


def test_a_generator_in_bf16_is_judged_in_float32(
    judged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states: list[bool] = []
    forward = ClassifierFeatures.__call__

    def watched(self: ClassifierFeatures, x: Tensor) -> Any:
        states.append(torch.is_autocast_enabled("cpu"))
        return forward(self, x)

    with monkeypatch.context() as patch:
        patch.setattr(ClassifierFeatures, "__call__", watched)
        found = evaluate("-n", "20", "--precision", "bf16")
    assert states
    assert not any(states)
    exact = evaluate("-n", "20")["classifier"]
    assert found["classifier"]["real"] == exact["real"]
    assert found["classifier"]["generated"] != exact["generated"]


def test_results_say_who_judged_and_only_inception_makes_it_fid(judged: Path) -> None:
    found = evaluate("-n", "20")
    assert found == json.loads((judged / "fidelity/fidelity.json").read_text())
    own = found["classifier"]
    record = json.loads((judged / "extractor/run.json").read_text())
    assert own["weights"] == record["weights"]
    assert own["accuracy"] == record["accuracy"]
    assert own["extractor"] == "classifier of folder"
    assert found["untrained"]["weights"] != own["weights"]
    assert "classifier_score" not in found["untrained"]["generated"]
    assert own["n"] == found["untrained"]["n"] == 20
    assert set(own["generated"]) == set(own["real"]) == set(OURS.values())
    text = invoke("evaluate", "fidelity", "-n", "20", *tiny_overrides()).stdout
    assert DISTANCE in text
    assert own["weights"] in text
    for word in ("fid\n", '"fid"', "fid ", "inception"):
        assert word not in text + json.dumps(found)
    assert evaluate("-n", "20", "--seed", "1")["classifier"]["real"] != own["real"]


def test_features_of_real_images_are_kept_for_one_extractor(
    judged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []
    take = type(read_prepared(judged / "prepared")).take

    def counted(self: Any, split: Any, index: Tensor) -> Tensor:
        taken.append(len(index))
        return take(self, split, index)

    monkeypatch.setattr("ssavl.datasets.prepared.Prepared.take", counted)
    first = evaluate("-n", "20", "--cache", "kept")
    assert sum(taken) == 40
    assert len(list(Path("kept").iterdir())) == 2  # the trained and the untrained one's
    taken.clear()
    assert evaluate("-n", "20", "--cache", "kept") == first
    assert not taken
    assert invoke(*train("other", iterations=9, decay=0)).exit_code == 0
    taken.clear()
    second = evaluate("-n", "20", "--cache", "kept", "--extractor", "other")
    assert sum(taken) == 40
    assert second["classifier"]["real"] != first["classifier"]["real"]
    assert len(list(Path("kept").iterdir())) == 3  # the untrained one is the same
    taken.clear()
    for path in Path("kept").iterdir():
        path.write_bytes(path.read_bytes()[:-99])
    result = invoke(
        "evaluate", "fidelity", "-n", "20", "--cache", "kept", "--json", *tiny_overrides()
    )
    assert "is damaged" in result.stderr
    assert json.loads(result.stdout) == first
    taken.clear()
    evaluate("-n", "20")
    assert sum(taken) == 40
    assert list(Path(".ssavl").glob("features-*.safetensors"))
    shutil.copytree("data/images", "more")
    Image.fromarray(np.full((28, 28), 9, np.uint8)).save("more/across/00.png")
    overrides = tiny_overrides(prepare_data__root="more", prepare_data__test_fraction=0.4)
    assert invoke("prepare-data", *overrides).exit_code == 0
    taken.clear()
    evaluate("-n", "20", "--cache", "kept")
    assert sum(taken) == 40


BAD = {
    "missing inception": (
        ["--inception", "nowhere.pth"],
        "nowhere.pth is no file",
        metric.INCEPTION_SHA256,
    ),
    "another inception": (
        ["--inception", "wrong.pth"],
        "wrong.pth has sha256",
        metric.INCEPTION_SHA256,
    ),
    "no extractor": (["--extractor", "nowhere"], "nowhere does not exist", ""),
    "too many": (["-n", "5000"], "two halves of 5000 are needed", "evaluate-fidelity.samples"),
    "other images": (
        ["--data", "large"],
        "reads (1, 28, 28) images, but large holds (1, 32, 32)",
        "",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_nothing_is_written(judged: Path, case: str) -> None:
    arguments, *messages = BAD[case]
    Path("wrong.pth").write_bytes(b"weights")
    if case == "other images":
        overrides = tiny_overrides(prepare_data__root="data/images", prepare_data__image_size=32)
        assert invoke("prepare-data", "--out", "large", *overrides).exit_code == 0
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    result = invoke("evaluate", "fidelity", *arguments, *tiny_overrides())
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert all(message in result.stderr for message in messages)
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


def test_without_any_judge_it_says_how_to_get_one(data: Path) -> None:
    result = invoke("evaluate", "fidelity", *tiny_overrides())
    assert result.exit_code == 1
    assert "run `ssavl train-extractor`, or give --extractor or --inception" in result.stderr


@pytest.mark.slow
def test_inceptions_weights_make_it_fid(monkeypatch: pytest.MonkeyPatch) -> None:
    """With random weights of the right shape in the place of the real ones."""
    with monkeypatch.context() as patch:
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
        torch.save({}, "empty.pth")
        torch.manual_seed(0)
        network = FeatureExtractorInceptionV3(
            "x", ["64"], feature_extractor_weights_path="empty.pth"
        )
    torch.save(network.state_dict(), "inception.pth")
    monkeypatch.setattr(metric, "INCEPTION_SHA256", sha256(Path("inception.pth")))
    judge = metric.inception_judge(Path("inception.pth"), choose("cpu", "float32"))
    found = features(torch.rand(2, 1, 28, 28).split(1), {"judge": judge})["judge"]
    assert {layer: tuple(seen.shape) for layer, seen in found.items()} == {
        "2048": (2, 2048),
        "logits_unbiased": (2, 1008),
    }
    assert judge.record() == {
        "extractor": "inception-v3-compat",
        "weights": metric.INCEPTION_SHA256,
    }
    images, real = ({layer: torch.rand(20, 8) for layer in found} for _ in range(2))
    assert set(fidelity(images, real, judge, 0)) == {"fid", "kid", "isc", "precision", "recall"}
