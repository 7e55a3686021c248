"""Data that are few, and sizes that are too large for them: one line that names the parameter."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import image_folder, invoke, tiny_overrides

CLUSTERS = "{iterations: 2, batch_size: 4, neighbours: 1, directions: 1}"
CASES: dict[str, tuple[str, dict[str, object], str]] = {
    "more categories than images": (
        "train-gan",
        {"train_gan__real_clusters": CLUSTERS, "latents__categories": 40},
        "latents.categories = 40",
    ),
    "more neighbours than images": (
        "train-gan",
        {"train_gan__real_clusters": CLUSTERS.replace("neighbours: 1", "neighbours: 30")},
        "train-gan.real_clusters.neighbours = 30",
    ),
    "one image a batch": ("train", {"train__batch_size": 1}, "train.batch_size = 1"),
    "one image a batch of a GAN": (
        "train-gan",
        {"train_gan__batch_size": 1},
        "train-gan.batch_size = 1",
    ),
    "validation larger than the data": (
        "prepare-data",
        {"prepare_data__validation": 50},
        "prepare-data.validation = 50",
    ),
    "fewer images than are measured": (
        "evaluate fidelity",
        {"evaluate_fidelity__samples": 10},
        "evaluate-fidelity.samples",
    ),
}


def prepared(per_class: int) -> list[str]:
    """Prepared images, and the parameters of a tiny study."""
    image_folder(Path("images"), per_class)
    overrides = {"prepare_data__root": "images", "prepare_data__validation": 0}
    result = invoke("prepare-data", *tiny_overrides(**overrides))
    assert result.exit_code == 0, result.output
    return tiny_overrides(**overrides, train__iterations=2)


def refused(words: str, more: dict[str, object]) -> str:
    """The one line with which a command refuses; whichever option was wrong."""
    result = invoke(*words.split(), *tiny_overrides(prepare_data__root="images", **more))
    assert result.exit_code in (1, 2), result.output
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr


@pytest.mark.parametrize("case", CASES)
def test_sizes_that_small_data_cannot_fill(case: str) -> None:
    words, more, named = CASES[case]
    overrides = prepared(4)
    if words == "evaluate fidelity":
        for command in ("train-gan", "train-extractor"):
            extra = ["--set", "train-extractor={iterations: 2, decay: 0, width: 4}"]
            result = invoke(command, *overrides, *(extra if "extractor" in command else []))
            assert result.exit_code == 0, result.output
    assert named in refused(words, {"prepare_data__validation": 0, **more})


def test_two_images_are_enough_to_train_and_fit_and_too_few_to_cluster() -> None:
    image_folder(Path("images"), 1)
    for path in Path("images/square").iterdir():
        path.unlink()
    overrides = tiny_overrides(prepare_data__root="images", prepare_data__validation=0)
    for words in ("prepare-data", "train-gan", "fit-encoders"):
        result = invoke(words, *overrides)
        assert result.exit_code == 0, result.output
    line = refused("evaluate --encoders data/encoders", {"prepare_data__validation": 0})
    assert "evaluate.clustering" in line
    result = invoke(
        *["evaluate", "--encoders", "data/encoders"],
        *overrides,
        "--set",
        "evaluate.clustering=false",
    )
    assert result.exit_code == 0, result.output
