"""What decides a run is part of its identity: whatever changes between a stop and the same command,
the run goes on to the same bits, or begins anew. Encoders refuse a generator that became another.

A new thing that decides is one more entry of ``CHANGES``.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import Result
from safetensors.torch import load_file, save_file

from ssavl.engine import playing
from tests import strangers
from tests.conftest import invoke, tiny_overrides

FIT = ("--iterations", "6", "--set", "fit-encoders.log_every=2")


@dataclass(frozen=True)
class Held:
    """A generator as somebody holds it.

    Attributes:
        write: writes its files.
        flags: name it.
        fitted: flags of a fit besides.
    """

    write: Callable[[], None]
    flags: tuple[str, ...]
    fitted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Change:
    """Something that is another after the stop.

    Attributes:
        held: the generator before.
        make: makes the change.
        flags: of the second call besides.
        resumes: whether the run may go on: the change decides nothing.
        refused: whether encoders that were fitted before must refuse the generator after.
    """

    held: str
    make: Callable[[], object] = lambda: None
    flags: tuple[str, ...] = ()
    resumes: bool = False
    refused: bool = True


def _dcgan() -> None:
    torch.save(strangers.trained(strangers.DCGAN(nc=1)).state_dict(), "netG.pth")


def _described(text: str = "output_range: [-1, 1]") -> None:
    Path("netG.gan.yaml").write_text(
        f"latents:\n  - {{role: noise, prior: normal, dim: 6}}\n{text}\n"
    )


def _both() -> None:
    network = strangers.trained(strangers.DCGAN(nc=1)).state_dict()
    other = {name: 0.5 * value for name, value in network.items()}
    torch.save({"netG": network, "g_ema": other}, "netG.pth")
    _described("key: netG")


def _code(factor: str = "1.0", helper: str = "0.0") -> None:
    root = str(Path(__file__).parents[1])
    Path("helper.py").write_text(f"SHIFT = {helper}\n")
    Path("gen.py").write_text(
        f"import sys\nsys.path.insert(0, {root!r})\nimport helper\n"
        "import torch\nfrom tests import strangers\n\n"
        "class Scaled(strangers.MLP):\n"
        "    def forward(self, z):\n"
        f"        return (super().forward(z) * {factor} + helper.SHIFT).clamp(-1, 1)\n\n"
        "def make():\n    return strangers.trained(Scaled())\n"
    )
    sys.modules.pop("helper", None)


def _onnx() -> None:
    import onnx

    strangers.export_onnx(strangers.MLP(), torch.randn(2, 7), Path("inside.onnx"))
    graph = onnx.load("inside.onnx")
    outside: dict[str, Any] = {"location": "net.data", "size_threshold": 256}
    onnx.save(graph, "net.onnx", save_as_external_data=True, **outside)
    Path("inside.onnx").unlink()


def _external_numbers() -> None:
    (np.fromfile("net.data", np.float32) * np.float32(0.5)).tofile("net.data")


def _portable() -> None:
    result = invoke("export", "--format", "safetensors", "-o", "portable", *_ours())
    assert result.exit_code == 0, result.output
    for name in ("generator.safetensors", "generator.json"):
        shutil.copy(Path("portable", name), name)


def _ours() -> tuple[str, ...]:
    return ("--encoders", "data/encoders", "--gan", "data/gan/generator.pt")


def _uniform() -> None:
    path = Path("generator.json")
    text = json.dumps(json.loads(path.read_text()))
    assert '"normal"' in text
    path.write_text(text.replace('"normal"', '"uniform"'))


def _other_weights() -> None:
    state = torch.load("netG.pth", weights_only=True)
    torch.save({name: 0.5 * value for name, value in state.items()}, "netG.pth")


def _other_tensors() -> None:
    state = load_file("netG.safetensors")
    save_file({name: 0.5 * value for name, value in state.items()}, "netG.safetensors")


HELD = {
    "checkpoint": Held(_dcgan, ("--gan", "netG.pth")),
    "two in one": Held(_both, ("--gan", "netG.pth")),
    "safetensors": Held(
        lambda: save_file(
            strangers.trained(strangers.DCGAN(nc=1)).state_dict(), "netG.safetensors"
        ),
        ("--gan", "netG.safetensors"),
    ),
    "code": Held(_code, ("--gan", "gen.py:make", "--latent-dim", "7")),
    "onnx": Held(_onnx, ("--gan", "net.onnx"), ("--objective", "latent-nll")),
    "ours": Held(_portable, ("--gan", "generator.safetensors")),
}
UNIFORM = "latents:\n  - {role: noise, prior: uniform, dim: 6}\n"

CHANGES = {
    "nothing": Change("checkpoint", resumes=True, refused=False),
    "when it was written": Change(
        "checkpoint", lambda: os.utime("netG.pth", (0, 0)), resumes=True, refused=False
    ),
    "a description appears: range": Change(
        "checkpoint", lambda: _described("output_range: [-2, 2]")
    ),
    "a description appears: prior": Change(
        "checkpoint", lambda: Path("netG.gan.yaml").write_text(UNIFORM)
    ),
    "the description's key": Change("two in one", lambda: _described("key: g_ema")),
    "the weights": Change("checkpoint", _other_weights),
    "the weights, safetensors": Change("safetensors", _other_tensors),
    "the configuration beside safetensors": Change("ours", _uniform),
    "the factory's code": Change("code", lambda: _code("0.5")),
    "what its code imports": Change("code", lambda: _code(helper="0.3")),
    "data outside an ONNX graph": Change("onnx", _external_numbers),
    "a flag: range": Change("checkpoint", flags=("--output-range", "-3", "3"), refused=False),
    "a flag: prior": Change(
        "checkpoint", flags=("--latent-dim", "6", "--prior", "uniform"), refused=False
    ),
    "precision": Change("checkpoint", flags=("--precision", "bf16"), refused=False),
    "seed": Change("checkpoint", flags=("--seed", "5"), refused=False),
    "beta": Change("checkpoint", flags=("--beta", "0.5"), refused=False),
    "a parameter": Change(
        "checkpoint", flags=("--set", "fit-encoders.batch_size=5"), refused=False
    ),
}


def fit(held: Held, *more: str, out: str = "e") -> Result:
    sys.modules.pop("helper", None)
    flags = (*held.flags, *held.fitted, *FIT, *more)
    return invoke("fit-encoders", *tiny_overrides(), *flags, "--out", out)


def stopped(held: Held) -> None:
    """A fit that SIGTERM stops in its third iteration."""
    own = playing.Playing.iterate

    def iterate(self: playing.Playing) -> set[str]:
        if self.step == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return own(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(playing.Playing, "iterate", iterate)
        result = fit(held)
    assert result.exit_code == 143, result.output


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize("name", CHANGES)
def test_a_run_goes_on_only_where_nothing_that_decides_is_another(name: str) -> None:
    change = CHANGES[name]
    held = HELD[change.held]
    held.write()
    stopped(held)
    change.make()
    result = fit(held, *change.flags)
    assert result.exit_code == 0, result.output
    assert ("resuming at iteration 3" in result.stderr) == change.resumes
    found = Path("e/encoders.pt").read_bytes()
    shutil.rmtree(".ssavl")
    assert fit(held, *change.flags).exit_code == 0
    assert Path("e/encoders.pt").read_bytes() == found, "a mixture of two runs"


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize("name", [name for name, change in CHANGES.items() if not change.flags])
def test_encoders_refuse_a_generator_that_became_another(name: str) -> None:
    change = CHANGES[name]
    held = HELD[change.held]
    held.write()
    result = fit(held)
    assert result.exit_code == 0, result.output
    np.save("x.npy", np.random.default_rng(0).random((4, *shape_of(held)), dtype=np.float32))
    use = ("reconstruct", "x.npy", "--encoders", "e", *held.flags, "-o", "r.npy")
    assert invoke(*use).exit_code == 0
    Path("r.npy").unlink()
    change.make()
    sys.modules.pop("helper", None)
    result = invoke(*use)
    assert (result.exit_code == 1) == change.refused, result.output
    assert Path("r.npy").exists() != change.refused
    if change.refused:
        assert result.stderr.count("\n") == 1
        assert "fitted to a generator" in result.stderr or "but the generator maps" in result.stderr


def shape_of(held: Held) -> tuple[int, ...]:
    result = invoke("sample", *held.flags, "-n", "1", "-o", "one.npy")
    assert result.exit_code == 0, result.output
    return np.load("one.npy").shape[1:]


def _flip(path: str) -> Callable[[], None]:
    def change() -> None:
        content = bytearray(Path(path).read_bytes())
        content[-1] ^= 1
        Path(path).write_bytes(content)

    return change


def _recast() -> None:
    np.save("data/prepared/images.npy", np.load("data/prepared/images.npy").astype(np.int16))


DATA = {
    "a bit of an image": _flip("data/prepared/images.npy"),
    "a bit of a label": _flip("data/prepared/labels.npy"),
    "another type": _recast,
    "images of other data": lambda: np.save(
        "data/prepared/images.npy", 255 - np.load("data/prepared/images.npy")
    ),
}
READERS = {
    "train-gan": ("train-gan", "--out", "g"),
    "train": ("train", "--method", "vae", "--out", "m"),
    "train-extractor": ("train-extractor", "--out", "x"),
    "retrain-R": ("retrain-R", *_ours(), "--source", "real", "--out", "r"),
    "evaluate": ("evaluate", *_ours(), "--out", "v"),
}


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", DATA)
def test_prepared_data_are_those_of_their_manifest(name: str, reader: str) -> None:
    DATA[name]()
    result = invoke(*READERS[reader], *tiny_overrides())
    assert result.exit_code == 1, result.output
    assert result.stderr.count("\n") == 1
    assert "run `ssavl prepare-data` again" in result.stderr
    assert not Path(READERS[reader][-1]).exists()


@pytest.mark.usefixtures("data")
def test_data_that_were_prepared_anew_make_another_run() -> None:
    train = ("train-gan", "--out", "g", *tiny_overrides())
    assert invoke(*train).exit_code == 0
    before = Path("g/generator.pt").read_bytes()
    images = np.load("data/prepared/images.npy")
    folder = Path("others/a")
    folder.mkdir(parents=True)
    from PIL import Image

    for index, image in enumerate(images):
        Image.fromarray(255 - image[0]).save(folder / f"{index:03}.png")
    root = ("--root", "others", "--set", "prepare-data.class_folders=false")
    result = invoke("prepare-data", *tiny_overrides(), *root)
    assert result.exit_code == 0, result.output
    assert "--force" in result.output  # what DVC cannot know
    assert invoke(*train).exit_code == 0
    assert Path("g/generator.pt").read_bytes() != before


@pytest.mark.usefixtures("data")
def test_what_dvc_does_not_see_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _both()
    monkeypatch.setenv("DVC_STAGE", "fit-encoders")
    result = fit(HELD["two in one"])
    assert result.exit_code == 0, result.output
    assert "netG.gan.yaml: an input too" in result.stderr
    assert "`dvc repro --force`" in result.stderr
