"""Commands on models that can do less than all: null where they cannot, never a failure."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ssavl.latents.priors import Block
from ssavl.latents.space import LatentSpace
from ssavl.models.files import Saved, save_model
from ssavl.models.inference import InferenceModel
from ssavl.networks.classifier import Classifier
from ssavl.networks.encoder import Encoder
from ssavl.networks.generator import ConvGenerator
from ssavl.networks.point_encoder import PointEncoder
from ssavl.networks.trunk import Trunk
from tests.conftest import image_folder, invoke, tiny_overrides

SHAPE = (1, 28, 28)
SPACE = LatentSpace(
    [
        Block("noise", "noise", "normal", 2),
        Block("code", "code", "uniform", 1),
        Block("category", "category", "categorical", 3),
    ]
)
CLUSTERS = {"accuracy", "accuracy_majority", "nmi", "ari"}
ERRORS = {"mse", "rmse", "rmse_255", "psnr", "ssim"}
GAN = ("--gan", "gan.pt")


@pytest.fixture(autouse=True)
def _models() -> None:
    """A generator, and beside it models that infer a part, infer points, or cluster alone."""
    torch.manual_seed(0)
    trunk = Trunk(SHAPE, 2, 4)
    made = ConvGenerator(SPACE, SHAPE, 2, 4, {}).eval()
    save_model(Path("gan.pt"), Saved("gan", generator=made))
    code = InferenceModel([Encoder(trunk, SPACE.subspace("code", "category"))], "code")
    points = InferenceModel([PointEncoder(trunk, SPACE)], "points")
    clusterer = Classifier(trunk, 4)
    save_model(Path("code.pt"), Saved("fit", generator=made, inference=code))
    save_model(Path("points.pt"), Saved("avb", generator=made, inference=points))
    save_model(Path("clusters.pt"), Saved("dec", clusterer=clusterer))


@pytest.fixture
def _data() -> None:
    images = image_folder(Path("images"), per_class=8)
    overrides = tiny_overrides(prepare_data__root=images, prepare_data__validation=2)
    result = invoke("prepare-data", *overrides)
    assert result.exit_code == 0, result.output


def encoders(*names: str) -> list[str]:
    return [argument for name in names for argument in ("--encoders", f"{name}.pt")]


def run(*arguments: Any) -> Any:
    result = invoke(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def known(row: dict[str, float | None]) -> set[str]:
    return {name for name, value in row.items() if value is not None}


@pytest.mark.usefixtures("_data")
def test_evaluate_measures_what_each_model_can_do() -> None:
    found = run("evaluate", *GAN, *encoders("code", "points", "clusters"), *tiny_overrides())
    rows = found["metrics"]
    code = {"ll_code", "ll_code_error", "kl_code", "kl_category"}
    code |= {"calibration_code", "calibration_category"}
    assert known(rows["code"]) == CLUSTERS | ERRORS | code
    assert known(rows["points"]) == CLUSTERS | ERRORS
    assert known(rows["dec"]) == CLUSTERS
    assert rows["dec"].keys() == rows["code"].keys()
    assert found["calibration"]["points"] == found["calibration"]["dec"] == {}
    sizes = {name: np.shape(table) for name, table in found["confusion"]["counts"].items()}
    assert sizes == {"code": (3, 3), "points": (3, 3), "dec": (4, 3)}
    table = invoke("metrics")
    assert table.exit_code == 0, table.output
    assert " -" in table.stdout
    compared = invoke("compare", "a=data/evaluate")
    assert compared.exit_code == 0, compared.output
    (line,) = (line for line in compared.stdout.splitlines() if line.startswith("| ll_code"))
    assert line.count("| - ") == 3  # all but one of the models, and k-means


@pytest.mark.usefixtures("_data")
def test_a_model_that_only_clusters_needs_no_generator() -> None:
    found = run("evaluate", "--gan", "nowhere.pt", *encoders("clusters"), *tiny_overrides())
    assert known(found["metrics"]["dec"]) == CLUSTERS
    assert found["baselines"].keys() == {"k-means"}
    without = ("--set", "evaluate.clustering=false")
    found = run("evaluate", *encoders("clusters"), *tiny_overrides(), *without)
    assert known(found["metrics"]["dec"]) == set()
    assert found["baselines"] == {}


@pytest.mark.usefixtures("_data")
def test_a_generator_alone_is_no_model_and_clusterers_read_the_data() -> None:
    result = invoke("evaluate", *GAN, *encoders("gan"), *tiny_overrides())
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: gan.pt holds neither encoders nor a clusterer: there is no model\n"
    )
    save_model(Path("small.pt"), Saved("dec", clusterer=Classifier(Trunk((1, 16, 16), 2, 4), 3)))
    result = invoke("evaluate", *encoders("small"), *tiny_overrides())
    assert result.exit_code == 1
    assert "small.pt reads (1, 16, 16) images, but the data are (1, 28, 28)" in result.stderr


@pytest.mark.usefixtures("_data")
def test_likelihood_bounds_what_has_a_density() -> None:
    quick = ["--images", "2", "--k", "2", "--temperatures", "3", "--chains", "2"]
    flags = (*GAN, *encoders("points", "code", "clusters"), *quick, *tiny_overrides())
    found = run("evaluate", "likelihood", *flags)
    rows = found["nats"]["test"]
    assert known(rows["code"]) == {"ll_code", "iwae_2"}
    assert known(rows["points"]) == known(rows["dec"]) == set()
    assert rows["points"].keys() == rows["dec"].keys() == rows["code"].keys()
    assert known(found["nats"]["generated"]["generator"]) == {"ais_lower", "ais_upper", "ais_gap"}
    gaussian = ("--set", "likelihood.name=gaussian")
    found = run("evaluate", "likelihood", *flags, *gaussian)
    assert found["bits_per_dimension"]["test"]["points"] == {"ll_code": None, "iwae_2": None}
    shown = invoke("evaluate", "likelihood", *flags)
    assert shown.exit_code == 0, shown.output
    learned = ("--sigma-from", "generated", *gaussian)
    result = invoke(
        "evaluate", "likelihood", *GAN, *encoders("clusters"), *learned, *tiny_overrides()
    )
    assert result.exit_code == 1
    assert "no encoders, whose errors a sigma is learned from" in result.stderr


@pytest.mark.parametrize(("name", "columns"), [("code", 2 + 4), ("points", 2 + 2 + 1 + 1)])
def test_encode_writes_what_is_known(name: str, columns: int) -> None:
    np.save("few.npy", np.zeros((3, 28, 28), np.uint8))
    assert run("encode", "few.npy", "-o", "z.npz", *encoders(name))["images"] == 3
    with np.load("z.npz") as table:
        written = set(table.files) - {"name", "generator", "latents"}
        deviations = {
            column for column in written if column.endswith(("_deviation", "_probability"))
        }
        assert bool(deviations) == (name == "code")
        assert ("latents" in table.files) == (name == "points")
    assert invoke("encode", "few.npy", "-o", "z.csv", *encoders(name)).exit_code == 0
    with Path("z.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    assert name == "code" or len(rows[0]) == columns


@pytest.mark.parametrize(("name", "bounds"), [("code", {"ll_code"}), ("points", set())])
def test_score_has_no_rank_without_a_bound(name: str, bounds: set[str]) -> None:
    np.save("few.npy", np.zeros((3, 28, 28), np.uint8))
    found = run("score", "few.npy", "-o", "s.npz", *encoders(name))
    assert (found["ll"], found["ll_of_generated"], found["rank"]) == (None, None, None)
    assert found["images"] == 3
    with np.load("s.npz") as table:
        assert {column for column in table.files if column.startswith("ll")} == bounds
        assert "mse" in table.files
        assert "rank" not in table.files
    shown = invoke("score", "few.npy", "-o", "s.npz", *encoders(name))
    assert shown.stdout == "s.npz: 3 images, ll - (- of generated images), mean rank -\n"


def test_points_are_reconstructed_inverted_and_walked() -> None:
    np.save("few.npy", np.zeros((3, 28, 28), np.uint8))
    for words in (
        ("reconstruct", "few.npy", "-o", "r.npy"),
        ("invert", "few.npy", "-o", "i.npz", "--refine", "2"),
        ("interpolate", "few.npy", "-o", "w.png"),
    ):
        result = invoke(*words, *encoders("points"))
        assert result.exit_code == 0, result.output


def test_a_clusterer_encodes_nothing() -> None:
    np.save("few.npy", np.zeros((3, 28, 28), np.uint8))
    result = invoke("encode", "few.npy", "-o", "z.npz", *encoders("clusters"))
    assert result.exit_code == 1
    assert result.stderr == "Error: clusters.pt holds no encoders, only clusterer\n"


def test_figures_are_drawn_of_who_can_be_drawn() -> None:
    for names, figures in (
        (("code", "points"), ("calibration", "reconstructions", "interpolation")),
        (("points",), ("reconstructions",)),
    ):
        for figure in figures:
            result = invoke("render", figure, *GAN, *encoders(*names), *tiny_overrides())
            assert result.exit_code == 0, result.output
    result = invoke("render", "calibration", *GAN, *encoders("points"), *tiny_overrides())
    assert result.exit_code == 1
    assert "no encoders here tell how sure they are" in result.stderr
    assert invoke("render", "samples", *GAN, *tiny_overrides()).exit_code == 0


def test_a_model_of_one_file_is_exported_whole() -> None:
    result = invoke("export", "-o", "out", "--format", "safetensors", *encoders("code"))
    assert result.exit_code == 0, result.output
    np.save("few.npy", np.zeros((3, 28, 28), np.uint8))
    again = invoke("reconstruct", "few.npy", "-o", "r", "--encoders", "out/encoders.safetensors")
    assert again.exit_code == 0, again.output
