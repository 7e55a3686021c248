"""Watched images reach a fit's log, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ssavl.engine.log import read_log
from ssavl.figures.curves import fit_curves
from tests.conftest import invoke, tiny_overrides


@pytest.mark.parametrize("command", ["fit-encoders", "retrain-R"])
def test_encoders_are_bit_equal_whether_images_are_watched_or_not(data: Path, command: str) -> None:
    plain = data / ("encoders" if command == "fit-encoders" else "encoders-r")
    result = invoke(
        command, "--watch", data / "prepared", "--out", "data/watching", *tiny_overrides()
    )
    assert result.exit_code == 0, result.output
    watching = data / "watching"
    assert (watching / "encoders.pt").read_bytes() == (plain / "encoders.pt").read_bytes()
    before, after = read_log(plain / "log.csv"), read_log(watching / "log.csv")
    added = after.keys() - before.keys()
    assert {"watched/mse", "watched/ll", "watched/ll_code", "watched/ll_noise"} == {
        c for c in added if "kl_" not in c
    }
    assert all(after[column] == values for column, values in before.items())
    assert len(json.loads((watching / "run.json").read_text())["settings"]["watch"]) == 64
    assert "watch" not in json.loads((plain / "run.json").read_text())["settings"]


def test_what_is_logged_is_what_evaluate_measures(data: Path) -> None:
    """The last row's error on the validation split is that of the finished encoders."""
    overrides = tiny_overrides(fit_encoders__iterations=4, fit_encoders__log_every=4)
    assert (
        invoke(
            "fit-encoders", "--watch", "data/prepared", "--out", "watching", *overrides
        ).exit_code
        == 0
    )
    arguments = ("--encoders", "watching", "--split", "validation", "--json", *overrides)
    result = invoke("evaluate", *arguments)
    assert result.exit_code == 0, result.output
    measured = json.loads(result.stdout)["metrics"]["ssavl"]["mse"]
    logged = read_log(Path("watching/log.csv"))["watched/mse"]
    assert logged[-1] == pytest.approx(measured, rel=1e-5)


def test_arrays_and_folders_are_watched_too(data: Path) -> None:
    """The same images give the same columns however they are held, and other images others."""
    images = np.load(data / "prepared/images.npy")[:5]
    np.save("mine.npy", images)
    np.save("negatives.npy", 255 - images)
    Path("folder").mkdir()
    for place, image in enumerate(images):
        Image.fromarray(image[0]).save(f"folder/{place}.png")
    logs = {}
    for watch in ("mine.npy", "folder", "negatives.npy"):
        result = invoke("fit-encoders", "--watch", watch, "--out", "out", *tiny_overrides())
        assert result.exit_code == 0, result.output
        logs[watch] = read_log(Path("out/log.csv"))
    assert "watched/mse" in logs["mine.npy"]
    assert logs["folder"] == logs["mine.npy"]
    assert logs["negatives.npy"]["watched/mse"] != logs["mine.npy"]["watched/mse"]
    assert logs["negatives.npy"]["heldout/mse"] == logs["mine.npy"]["heldout/mse"]


def test_watched_curves_have_panels_of_their_own() -> None:
    log = {"step": [0.0, 1.0], "heldout/mse": [2.0, 1.0], "heldout/ll": [-3.0, -2.0]}
    assert len(fit_curves({"a": log}).axes) == 2
    figure = fit_curves({"a": log, "b": {**log, "watched/mse": [5.0, 4.0]}})
    assert len(figure.axes) == 4
    (line,) = figure.axes[3].lines
    assert line.get_ydata().tolist() == [5, 4]  # type: ignore[union-attr]
    assert "watched images" in figure.axes[3].get_title()


@pytest.mark.parametrize(
    ("watch", "message"), [("nowhere", "nowhere does not exist"), ("empty", "holds no image")]
)
def test_what_cannot_be_watched_is_refused(data: Path, watch: str, message: str) -> None:
    Path("empty").mkdir()
    result = invoke("fit-encoders", "--watch", watch, "--out", "none", *tiny_overrides())
    assert result.exit_code == 1
    assert message in result.stderr
    assert not Path("none").exists()
