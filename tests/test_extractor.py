"""The classifier that judges images: its training through the real command, and its file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from ssavl.datasets.prepared import read_prepared
from ssavl.engine.log import read_log
from ssavl.engine.run import Run
from ssavl.errors import Interrupted, UserError
from ssavl.models.extractor import load_extractor
from ssavl.storage.documents import read_json
from ssavl.storage.files import sha256, write_json
from tests.conftest import image_folder, invoke, tiny_overrides

TINY = {
    "batch_size": 16,
    "width": 4,
    "features": 8,
    "iterations": 60,
    "decay": 30,
    "learning_rate": 0.01,
}


def train(out: str, data: str = "data/prepared", **more: object) -> list[str]:
    """Arguments that train a tiny extractor."""
    values = {**TINY, "log_every": 10, **more}
    overrides = [
        part
        for name, value in values.items()
        for part in ("--set", f"train-extractor.{name}={value}")
    ]
    return ["train-extractor", "--data", data, "--out", out, "--json", *overrides]


def test_it_learns_the_classes_and_its_accuracy_is_that_of_the_file(data: Path) -> None:
    result = invoke(*train("judge", iterations=150))
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert set(found["accuracy"]) == {"validation", "test"}
    assert found["accuracy"]["test"] > 0.9
    extractor = load_extractor(Path("judge"))
    prepared = read_prepared(data / "prepared")
    x = next(prepared.batches("test", 100))
    assert (
        float((extractor.classify(x).numpy() == prepared.labels_of("test")).mean())
        == found["accuracy"]["test"]
    )
    assert extractor.classes == ("across", "down", "square")
    record = json.loads(Path("judge/run.json").read_text())
    assert record["accuracy"] == found["accuracy"] == extractor.accuracy
    assert (
        record["weights"] == extractor.weights == load_extractor(Path("judge/extractor.pt")).weights
    )
    log = read_log(Path("judge/log.csv"))
    assert log["classifier/loss"][-1] < log["classifier/loss"][0] < 3
    assert not any(parameter.requires_grad for parameter in extractor.network.parameters())


def test_probabilities_follow_from_the_features_and_each_image_stands_alone(data: Path) -> None:
    assert invoke(*train("judge", iterations=3)).exit_code == 0
    extractor = load_extractor(Path("judge"))
    x = torch.rand(9, *extractor.image_shape)
    probabilities = extractor.probabilities(x)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(9))
    torch.testing.assert_close(
        extractor.network.head(extractor.features(x)).softmax(1), probabilities
    )
    torch.testing.assert_close(
        torch.cat([extractor.features(part) for part in x.split(2)]), extractor.features(x)
    )
    features = extractor.features(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert extractor.features(x).equal(features)
        assert not extractor.network.features(x).equal(features)


def test_it_never_sees_an_image_outside_the_training_split(data: Path) -> None:
    assert invoke(*train("a")).exit_code == 0
    prepared = read_prepared(data / "prepared")
    images, labels = np.array(prepared.images), np.array(prepared.labels)
    first = prepared.span("validation").start
    np.save("data/prepared/images.npy", np.concatenate([images[:first], 255 - images[first:]]))
    np.save("data/prepared/labels.npy", np.concatenate([labels[:first], (labels[first:] + 1) % 3]))
    manifest = read_json(Path("data/prepared/manifest.json"))
    manifest["sha256"] = {name: sha256(data / "prepared" / name) for name in manifest["sha256"]}
    write_json(Path("data/prepared/manifest.json"), manifest)
    assert invoke(*train("b")).exit_code == 0
    assert load_extractor(Path("a")).weights == load_extractor(Path("b")).weights
    assert load_extractor(Path("a")).accuracy != load_extractor(Path("b")).accuracy


def test_a_run_that_was_stopped_ends_in_the_same_weights(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert invoke(*train("whole")).exit_code == 0
    iterate = Run.iterate

    def stop(self: Run) -> None:
        if self.playing.step == 25:
            self.save()
            raise Interrupted(15, "stopped")
        iterate(self)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "iterate", stop)
        assert invoke(*train("parts")).exit_code == 143
    result = invoke(*train("parts"))
    assert result.exit_code == 0, result.output
    assert json.loads(Path("parts/run.json").read_text())["resumed_from"] == [25]
    assert Path("parts/log.csv").read_bytes() == Path("whole/log.csv").read_bytes()
    assert load_extractor(Path("parts")).weights == load_extractor(Path("whole")).weights


def test_the_seed_changes_the_weights(data: Path) -> None:
    for out, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        assert invoke(*train(out, iterations=3), "--seed", seed).exit_code == 0
    a, b, c = (load_extractor(Path(out)).weights for out in "abc")
    assert a == b != c


def test_data_without_labels_are_refused(data: Path) -> None:
    image_folder(Path("images"), per_class=4)
    overrides = tiny_overrides(prepare_data__root="images", prepare_data__class_folders="false")
    assert invoke("prepare-data", "--out", "unlabelled", *overrides).exit_code == 0
    result = invoke(*train("judge", "unlabelled"))
    assert result.exit_code == 1
    message = "unlabelled has no labels to learn from: prepare images with classes"
    assert result.stderr == f"Error: {message}\n"
    assert not Path("judge").exists()
    shutil.copy("data/gan/generator.pt", "other.pt")
    with pytest.raises(UserError, match="holds 'model' where 'extractor' is needed"):
        load_extractor(Path("other.pt"))
