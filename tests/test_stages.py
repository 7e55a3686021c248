"""The stages through the real commands, on tiny networks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch

from ssavl.datasets.prepared import read_prepared
from ssavl.engine.device import choose
from ssavl.engine.log import read_log
from ssavl.evaluate.baselines import sorted_by
from ssavl.generators.load import load_generator
from ssavl.generators.own import Loaded
from ssavl.generators.source import GeneratorSource
from ssavl.metrics.clustering import clustering
from ssavl.models.files import load_encoders, load_model
from ssavl.params.stages import FIGURES
from ssavl.storage.checkpoint import load_checkpoint
from tests.conftest import image_folder, invoke, model_in, tiny_overrides

KEYS = (
    "accuracy",
    "accuracy_majority",
    "nmi",
    "ari",
    "mse",
    "rmse",
    "ll",
    "ll_code",
    "ll_noise",
) + (
    "kl_noise",
    "kl_code",
    "kl_category",
)


def test_fitting_needs_no_data_and_gives_the_same_bytes_without_it(data: Path) -> None:
    shutil.rmtree(data / "prepared")
    result = invoke("fit-encoders", "--out", "data/again", *tiny_overrides())
    assert result.exit_code == 0, result.output
    for name in ("encoders.pt", "log.csv"):
        assert (data / "again" / name).read_bytes() == (data / "encoders" / name).read_bytes()


def test_fitting_leaves_the_generator_bit_equal(data: Path) -> None:
    before = (data / "gan/generator.pt").read_bytes()
    state = load_checkpoint(data / "gan/generator.pt", "model")["parts"]["generator"]["state"]
    assert any("running_mean" in name for name in state)
    for command in ("fit-encoders", "retrain-R"):
        assert invoke(command, *tiny_overrides()).exit_code == 0
    assert (data / "gan/generator.pt").read_bytes() == before


def test_the_generator_object_is_bit_equal_after_fitting(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tensors that the run used, parameters and buffers, not only the file they came from."""
    from ssavl.stages import fit_encoders as stage

    generator = load_generator(GeneratorSource(str(data / "gan/generator.pt")))
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    monkeypatch.setattr(stage, "load_bundle", lambda source: Loaded(generator))
    assert invoke("fit-encoders", *tiny_overrides()).exit_code == 0
    state = generator.cpu().state_dict()
    assert all(torch.equal(before[name], tensor) for name, tensor in state.items())
    assert all(parameter.grad is None for parameter in generator.parameters())


@pytest.mark.parametrize(
    ("which", "name", "roles"), [("code", "ssavl1", 2), ("noise", "ssavl2", 1)]
)
def test_ablations_infer_their_blocks_alone(data: Path, which: str, name: str, roles: int) -> None:
    result = invoke(
        "fit-encoders", "--encoders", which, "--out", "one", "--json", *tiny_overrides()
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["model"] == name
    model = load_encoders(Path("one"))
    assert len(model.space.blocks) == roles
    result = invoke("evaluate", "--encoders", "one", "--json", *tiny_overrides())
    assert result.exit_code == 0, result.output
    metrics = json.loads(Path("data/evaluate/metrics.json").read_text())[name]
    assert (metrics["kl_noise"] is None) == (which == "code")
    assert (metrics["accuracy"] is None) == (which == "noise")
    assert metrics["ll"] is None
    assert metrics["mse"] > 0
    result = invoke("retrain-R", "--encoders", "one", *tiny_overrides())
    assert result.exit_code == 1
    assert "the joint bound" in result.output


@pytest.mark.parametrize("source", ["generated", "real"])
def test_transformations_reach_both_fits(data: Path, source: str) -> None:
    def files(**overrides: object) -> tuple[bytes, bytes]:
        for command in ("fit-encoders", "retrain-R"):
            result = invoke(
                command,
                *tiny_overrides(
                    fit_encoders__objective="elbo", retrain_R__source=source, **overrides
                ),
            )
            assert result.exit_code == 0, result.output
        return (data / "encoders/log.csv").read_bytes(), (data / "encoders-r/log.csv").read_bytes()

    plain = files()
    transformed = files(fit_encoders__transformations="{rotation: 20}")
    assert transformed[0] != plain[0]
    # From the same encoders, the second fit is another one once its own images are transformed.
    both = files(
        fit_encoders__transformations="{rotation: 20}", retrain_R__transformations="{shift: 0.2}"
    )
    assert both[0] == transformed[0]
    assert both[1] != transformed[1]


def test_retraining_on_real_images_is_named_and_reads_them(data: Path) -> None:
    result = invoke("retrain-R", "--source", "real", "--out", "real", "--json", *tiny_overrides())
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["model"] == "ssavl-r-real"
    assert "data/prepared/manifest.json" in json.loads(Path("real/run.json").read_text())["inputs"]
    shutil.rmtree(data / "prepared")
    assert invoke("retrain-R", *tiny_overrides()).exit_code == 0
    result = invoke("retrain-R", "--source", "real", *tiny_overrides())
    assert result.exit_code == 1
    assert "data/prepared does not exist" in result.output


def test_an_autoencoder_is_measured_like_any_other_model(data: Path) -> None:
    overrides = tiny_overrides(train__iterations=3, train__batch_size=8)
    result = invoke("train", "--method", "vae", "--json", *overrides)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["method"] == "vae"
    result = invoke("evaluate", *model_in(data / "model"), *overrides)
    assert result.exit_code == 0, result.output
    metrics = json.loads((data / "evaluate/metrics.json").read_text())["vae"]
    assert metrics["ll"] < 0 < metrics["mse"]


@pytest.mark.parametrize(("size", "channels"), [(32, 1), (64, 3), (128, 3)])
def test_the_pipeline_at_other_sizes(size: int, channels: int) -> None:
    image_folder(Path("images"), per_class=7)
    overrides = tiny_overrides(  # five test images: fewer than the figures have room for
        prepare_data__root="images",
        prepare_data__image_size=size,
        prepare_data__channels=channels,
        train_gan__iterations=2,
        fit_encoders__iterations=2,
        retrain_R__iterations=2,
    )
    for command in (
        "prepare-data",
        "train-gan",
        "fit-encoders",
        "retrain-R",
        "evaluate",
        "render-figures",
    ):
        result = invoke(command, *overrides)
        assert result.exit_code == 0, result.output
    assert load_generator(GeneratorSource("data/gan/generator.pt")).image_shape == (
        channels,
        size,
        size,
    )


@pytest.mark.parametrize("schedule", ["two-stage", "interleaved"])
def test_every_stage_runs_in_bf16(data: Path, schedule: str) -> None:
    overrides = tiny_overrides(
        train_gan__schedule=schedule, train_gan__ema_decay=0.9, train__iterations=2
    )
    for command in ("train-gan", "fit-encoders", "retrain-R", "train", "evaluate"):
        result = invoke(command, "--precision", "bf16", *overrides)
        assert result.exit_code == 0, result.output
    assert json.loads((data / "gan/run.json").read_text())["precision"] == "bf16"
    generator = load_generator(GeneratorSource(str(data / "gan/generator.pt")))
    assert all(
        tensor.dtype in (torch.float32, torch.int64) for tensor in generator.state_dict().values()
    )


def test_interleaved_schedule_leaves_both_encoders(data: Path) -> None:
    overrides = tiny_overrides(train_gan__ema_decay=0.5)
    result = invoke("train-gan", "--schedule", "interleaved", "--out", "inter", *overrides)
    assert result.exit_code == 0, result.output
    assert (
        len(load_checkpoint(Path("inter/generator.pt"), "model")["parts"]["training_encoders"]) == 2
    )
    log = read_log(Path("inter/log.csv"))
    assert {"mutual-information/loss", "code-encoder/kl_category", "noise-encoder/kl_noise"} <= set(
        log
    )
    result = invoke("fit-encoders", "--gan", "inter/generator.pt", *tiny_overrides())
    assert result.exit_code == 0, result.output


def test_clusters_of_real_images_are_recorded(data: Path) -> None:
    clusters = (
        "{iterations: 4, batch_size: 8, size: 4, neighbours: 3, directions: 3, "
        "invariances: {noise: 0.1}}"
    )
    result = invoke("train-gan", *tiny_overrides(train_gan__real_clusters=clusters))
    assert result.exit_code == 0, result.output
    record = json.loads((data / "gan/run.json").read_text())["clusters"]
    assert 0 < record["smallest"] <= record["largest"] < 1
    assert "generator/agreement" in read_log(data / "gan/log.csv")


def test_a_generator_without_codes_is_fitted_by_eq_27(data: Path) -> None:
    overrides = tiny_overrides(latents__categories=0, latents__code=0)
    assert invoke("train-gan", "--out", "plain", *overrides).exit_code == 0
    result = invoke("fit-encoders", "--gan", "plain/generator.pt", "--out", "fitted", *overrides)
    assert result.exit_code == 0, result.output
    assert load_encoders(Path("fitted")).space.of_role("noise")
    result = invoke("evaluate", "--gan", "plain/generator.pt", "--encoders", "fitted", *overrides)
    assert result.exit_code == 0, result.output
    result = invoke(
        "render", "all", "--gan", "plain/generator.pt", "--encoders", "fitted", *overrides
    )
    assert result.exit_code == 0, result.output
    result = invoke("fit-encoders", "--gan", "plain/generator.pt", "--encoders", "code", *overrides)
    assert result.exit_code == 1
    assert "nothing for encoders = code" in result.output


def test_survivors_that_a_generator_lacks_are_said_and_passed_over(data: Path) -> None:
    transformed = {"fit_encoders__transformations": "{rotation: 20}"}
    survivors = {"fit_encoders__survivors": "{digit: 2}"}
    plain = invoke("fit-encoders", "--out", "plain", *tiny_overrides())
    assert plain.exit_code == 0, plain.output
    result = invoke("fit-encoders", *tiny_overrides(**transformed, **survivors))
    assert result.exit_code == 0, result.output
    assert "this generator has no block 'digit', only noise, code, category" in result.stderr
    logs = [(folder / "log.csv").read_bytes() for folder in (Path("plain"), data / "encoders")]
    assert logs[0] == logs[1]


def test_a_model_has_the_name_that_its_fit_gives_it(data: Path) -> None:
    result = invoke("fit-encoders", *tiny_overrides(fit_encoders__name="ssavl-mine"))
    assert result.exit_code == 0, result.output
    assert load_encoders(data / "encoders").name == "ssavl-mine"
    result = invoke("fit-encoders", *tiny_overrides(fit_encoders__name="../mine"))
    assert result.exit_code == 2
    assert "fit-encoders.name" in result.stderr


def test_the_clusters_that_a_training_started_from_are_a_baseline(data: Path) -> None:
    clusters = "{iterations: 1, batch_size: 8, size: 4, neighbours: 3, directions: 3}"
    own = ["--set", f"train-gan.real_clusters={clusters}", "--set", "train-gan.iterations=1"]
    result = invoke("train-gan", *tiny_overrides(), *own)
    assert result.exit_code == 0, result.output
    result = invoke("fit-encoders", *tiny_overrides())
    assert result.exit_code == 0, result.output
    result = invoke("evaluate", "--encoders", data / "encoders", *tiny_overrides())
    assert result.exit_code == 0, result.output
    baselines = json.loads((data / "evaluate/baselines.json").read_text())
    assert list(baselines) == ["k-means", "clusters"]
    sorter = load_model(data / "gan/generator.pt").sorter
    assert sorter is not None
    prepared = read_prepared(data / "prepared")
    (images,), (known,) = (prepared.batches(split, 100) for split in ("test", "train"))
    found = sorter.sort(images, sorter.features(known)).numpy()
    assert baselines["clusters"] == clustering(found, prepared.labels_of("test"))
    assert len(sorter.labels) == len(known)
    sorter.means += 1  # of other images
    assert sorted_by(sorter, prepared, "test", 4, choose("cpu", "float32")) is None


def test_evaluate_writes_one_object_per_model(data: Path) -> None:
    result = invoke("evaluate", *tiny_overrides())
    assert result.exit_code == 0, result.output
    metrics = json.loads((data / "evaluate/metrics.json").read_text())
    assert list(metrics) == ["ssavl", "ssavl-r"]
    for values in metrics.values():
        assert all(isinstance(values[key], float) for key in KEYS)
        assert values["ll"] <= -values["kl_noise"] - values["kl_code"] - values["kl_category"]
        assert values["rmse"] == pytest.approx(values["mse"] ** 0.5)
    assert "k-means" in result.output
    assert "k-means" in json.loads((data / "evaluate/baselines.json").read_text())
    confusion = json.loads((data / "evaluate/confusion.json").read_text())
    assert np.sum(confusion["counts"]["ssavl"]) == 18
    shown = invoke("metrics")
    assert shown.exit_code == 0
    assert "ssavl-r" in shown.output
    again = invoke("evaluate", "--out", "again", *tiny_overrides(evaluate__batch_size=3))
    assert again.exit_code == 0
    other = json.loads(Path("again/metrics.json").read_text())["ssavl"]
    assert other["mse"] == pytest.approx(metrics["ssavl"]["mse"], rel=1e-5)
    assert other["accuracy"] == metrics["ssavl"]["accuracy"]


def test_a_normalised_likelihood_gives_bits_per_dimension(data: Path) -> None:
    result = invoke(
        "evaluate", "--set", "likelihood={name: gaussian, sigma: 0.3}", "--json", *tiny_overrides()
    )
    assert result.exit_code == 0, result.output
    values = json.loads(result.stdout)["metrics"]["ssavl"]
    assert values["bits_per_dimension"] == pytest.approx(
        (np.log(256) - values["ll"] / 784) / np.log(2), rel=1e-5
    )


def test_evaluate_needs_labels_only_for_clustering(data: Path) -> None:
    overrides = tiny_overrides(prepare_data__root="images", prepare_data__class_folders="false")
    image_folder(Path("images"))
    assert invoke("prepare-data", "--out", "unlabelled", *overrides).exit_code == 0
    result = invoke("evaluate", "--data", "unlabelled", *overrides)
    assert result.exit_code == 1
    assert "no labels" in result.output
    assert not (data / "evaluate").exists()
    result = invoke(
        "evaluate", "--data", "unlabelled", *tiny_overrides(evaluate__clustering="false")
    )
    assert result.exit_code == 0, result.output


def test_every_figure_is_drawn_and_holds_images(data: Path) -> None:
    result = invoke("render", "all", "--gif", "--json", *tiny_overrides())
    assert result.exit_code == 0, result.output
    files = [Path(name) for name in json.loads(result.stdout)["figures"]]
    stems = {path.stem for path in files}
    assert {"samples", "categories", "traversal-code_0", "traversal-code_1"} <= stems
    assert {"reconstructions", "interpolation", "curves-fit", "curves-gan"} <= stems
    for path in files:
        picture = iio.imread(path)
        assert picture.size
        assert picture.std() > 1, path
    assert iio.imread("data/figures/interpolation.gif").shape[0] > 10
    first = Path("data/figures/samples.png").read_bytes()
    assert invoke("render", "samples", *tiny_overrides()).exit_code == 0
    assert Path("data/figures/samples.png").read_bytes() == first


FILES = {
    "samples": {"samples"},
    "categories": {"categories"},
    "traversal": {"traversal-code_0", "traversal-code_1"},
    "reconstructions": {"reconstructions"},
    "interpolation": {"interpolation"},
    "curves": {"curves-fit", "curves-gan"},
    "calibration": {"calibration"},
}


@pytest.mark.parametrize("figure", FIGURES)
def test_each_figure_by_name_from_any_bundle_by_path(data: Path, figure: str) -> None:
    data.rename("elsewhere")
    arguments = [
        "--gan",
        "elsewhere/gan/generator.pt",
        "--encoders",
        "elsewhere/encoders-r/encoders.pt",
        "--out",
        "f",
    ]
    result = invoke("render", figure, *arguments, *tiny_overrides())
    assert result.exit_code == 0, result.output
    assert {path.name for path in Path("f").iterdir()} == {f"{stem}.png" for stem in FILES[figure]}


def test_figures_that_need_encoders_say_so(data: Path) -> None:
    result = invoke(
        "render", "reconstructions", "--gan", "data/gan/generator.pt", *tiny_overrides()
    )
    assert result.exit_code == 1
    assert "needs encoders" in result.output
    result = invoke("render", "traversal", "--block", "noise", *tiny_overrides())
    assert result.exit_code == 0, result.output
    assert Path("data/figures/traversal-noise.png").exists()


def test_runs_record_themselves(study: Path, data: Path) -> None:
    record = json.loads((data / "encoders/run.json").read_text())
    assert record["stage"] == "fit-encoders"
    assert record["settings"]["beta"] == 1
    assert list(record["inputs"]) == ["data/gan/generator.pt"]
    assert {"torch", "ssavl"} <= set(record["versions"])
    left = [path.suffix for path in (study.parent / ".ssavl").iterdir()]
    assert left == [".pt"] * 3  # of finished runs the last state, which a longer one grows from


def test_dry_runs_write_nothing(data: Path) -> None:
    shutil.rmtree(data)
    for command in (
        "prepare-data",
        "train-gan",
        "fit-encoders",
        "retrain-R",
        "evaluate",
        "render-figures",
    ):
        result = invoke(command, "--dry-run", "--json", *tiny_overrides())
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["would run"] == command
    assert not list(Path().iterdir())


def test_the_seed_and_nothing_else_changes_a_run(data: Path) -> None:
    for out, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        assert invoke("train-gan", "--out", out, "--seed", seed, *tiny_overrides()).exit_code == 0
    a, b, c = (Path(name, "generator.pt").read_bytes() for name in "abc")
    assert a == b
    assert a != c
