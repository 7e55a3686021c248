"""Shared fixtures: tiny parameters, and one tiny study run through the real commands."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from click.testing import CliRunner, Result
from PIL import Image

from ssavl.cli.main import main
from ssavl.params.file import load_params
from tests import strangers

# float32 on one device, whatever the machine could do: expectations are about the method, not about
# bf16. Set at import, because the session's study runs before any test does; subprocesses inherit
# it.
os.environ["SSAVL_DEVICE"] = os.environ.get("SSAVL_TEST_DEVICE", "cpu")
os.environ["SSAVL_PRECISION"] = "float32"

# Under nohup, SIGHUP is ignored and every process that tests start inherits that.
signal.signal(signal.SIGHUP, signal.SIG_DFL)

TINY = {
    "prepare-data.dataset": "folder",
    "prepare-data.image_size": 28,
    "prepare-data.channels": 1,
    "prepare-data.class_folders": "true",
    "prepare-data.test_fraction": 0.25,
    "prepare-data.validation": 8,
    "train-gan.iterations": 6,
    "train-gan.batch_size": 8,
    "latents.noise": 4,
    "latents.categories": 3,
    "networks.generator": "{width: 4, hidden: 8}",
    "networks.critic": "{width: 4, features: 8}",
    "networks.encoder": "{width: 4, features: 8}",
    "train-gan.log_every": 2,
    "train-gan.real_clusters.iterations": 0,  # the default study's params.yaml has many
    "fit-encoders.objective": "elbo",
    "fit-encoders.iterations": 6,
    "fit-encoders.batch_size": 8,
    "fit-encoders.encoder": "{width: 4, features: 8}",
    "fit-encoders.log_every": 2,
    "retrain-R.iterations": 4,
    "retrain-R.batch_size": 8,
    "retrain-R.log_every": 2,
    "evaluate.posterior_samples": 2,
    "evaluate.batch_size": 7,
    "evaluate.kmeans_restarts": 1,
    "evaluate.calibration_images": 60,
    "render-figures.columns": 3,
}

Ssavl = Callable[..., Result]


def tiny_overrides(**more: object) -> list[str]:
    """``--set`` arguments of the tiny study; ``a__b=c`` adds or replaces ``a.b``,
    with hyphens for underscores in a.
    """
    values: dict[str, object] = dict(TINY)
    for key, value in more.items():
        section, _, name = key.partition("__")
        values[f"{section.replace('_', '-')}.{name}" if name else section] = value
    return [argument for key, value in values.items() for argument in ("--set", f"{key}={value}")]


def invoke(*arguments: str | Path) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(main, [str(a) for a in arguments])


def generator_in(out: Path) -> list[str]:
    """The option that names the generator which a training of any method left in a folder."""
    return ["--gan", str(out / "model.pt")]


def model_in(out: Path) -> list[str]:
    """The options that name all that a training of any method left in a folder."""
    return [*generator_in(out), "--encoders", str(out / "model.pt")]


def image_folder(root: Path, per_class: int = 24, size: int = 28) -> Path:
    """Three classes of 28 x 28 images: a horizontal bar, a vertical bar, a square."""
    rng = np.random.default_rng(0)
    for name in ("across", "down", "square"):
        (root / name).mkdir(parents=True)
        for index in range(per_class):
            picture = np.zeros((size, size), np.uint8)
            top, left = rng.integers(4, 14, 2)
            height, width = {"across": (4, 14), "down": (14, 4), "square": (9, 9)}[name]
            picture[top : top + height, left : left + width] = rng.integers(160, 256)
            Image.fromarray(picture).save(root / name / f"{index:02}.png")
    return root


@pytest.fixture(autouse=True)
def _one_thread_in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests share two cores, and none may depend on the folder that it runs in."""
    torch.set_num_threads(1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the whole tiny study: images, prepared, gan, encoders, encoders-r."""
    root = tmp_path_factory.mktemp("study")
    here = Path.cwd()
    os.chdir(root)
    torch.set_num_threads(1)
    try:
        images = image_folder(root / "images")
        overrides = tiny_overrides(prepare_data__root=images)
        for command in ("prepare-data", "train-gan", "fit-encoders", "retrain-R"):
            result = invoke(command, *overrides)
            assert result.exit_code == 0, result.output
    finally:
        os.chdir(here)
    return root / "data"


@pytest.fixture
def data(study: Path, tmp_path: Path) -> Path:
    """A copy of the tiny study in the working folder."""
    shutil.copytree(study, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture(scope="session")
def laid_out(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that any command reads:
    the tiny study, what was measured on it, and its parameters.
    """
    root = tmp_path_factory.mktemp("laid-out")
    shutil.copytree(study, root / "data")
    here = Path.cwd()
    os.chdir(root)
    try:
        images = image_folder(root / "images")
        overrides = [o for o in tiny_overrides(prepare_data__root=images) if o != "--set"]
        more = ["train.iterations=2", "train.batch_size=8", "train-extractor.iterations=2"]
        more += [
            "train-extractor.width=4",
            "train-extractor.batch_size=8",
            "train-extractor.decay=0",
        ]
        more += [
            "evaluate-disentanglement.train=40",
            "evaluate-disentanglement.test=20",
            "fit-encoders.iterations=2",
        ]
        more += [
            "retrain-R.iterations=2",
            "train-gan.iterations=2",
            "evaluate-disentanglement.trees=2",
        ]
        more += ["render-figures.figures=[reconstructions]"]
        params = load_params(None, [*overrides, *more])
        Path("params.yaml").write_text(
            yaml.safe_dump(params.model_dump(mode="json", by_alias=True))
        )
        rows = [
            f"{path},{path.parent.name},{index % 2}"
            for index, path in enumerate(sorted(images.rglob("*.png")))
        ]
        Path("factors.csv").write_text("\n".join(["file,shape,parity", *rows]))
        batch = torch.export.Dim("batch", min=1, max=4096)
        network = strangers.trained(strangers.MLP(nz=4, side=28))
        torch.jit.trace(network, torch.randn(2, 4)).save("model.ts")
        program = torch.export.export(network, (torch.randn(3, 4),), dynamic_shapes=({0: batch},))
        torch.export.save(program, "model.pt2")
        for kind in ("model.ts", "model.pt2"):
            shutil.copy(kind, "data/encoders")
        for arguments in (
            ["train-extractor"],
            ["evaluate"],
            ["compare", "a=data/evaluate", "b=data/evaluate", "-o", "summary.json"],
            ["sample", "-n", "4", "-o", "own.npy", "--latents", "own.npz"],
        ):
            result = invoke(*arguments)
            assert result.exit_code == 0, result.output
    finally:
        os.chdir(here)
    return root
