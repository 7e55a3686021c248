"""Anyone's generator: each way of holding one, each way in which one can be unfit."""

from __future__ import annotations

import json
import pickle
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from ssavl.engine.device import choose
from ssavl.generators.description import Description
from ssavl.generators.foreign import ForeignGenerator, adapt
from ssavl.generators.inspection import inspect
from ssavl.generators.load import load_generator
from ssavl.generators.source import GeneratorSource
from ssavl.models.files import load_encoders
from ssavl.storage.weights import weights_hash
from tests import strangers
from tests.conftest import invoke, tiny_overrides

FIT = tiny_overrides(fit_encoders__iterations=2)


def dcgan_state() -> dict[str, torch.Tensor]:
    return strangers.trained(strangers.DCGAN()).state_dict()


def bare_state_dict() -> list[str]:
    torch.save(dcgan_state(), "netG.pth")
    return ["--gan", "netG.pth"]


def wrapped_state_dict() -> list[str]:
    state = {f"module.{key}": value for key, value in dcgan_state().items()}
    discriminator = nn.Sequential(nn.Conv2d(3, 4, 4, 2, 1), nn.Conv2d(4, 8, 4, 2, 1)).state_dict()
    torch.save(
        {"epoch": 3, "netG": state, "netD": discriminator, "optimizer": {"state": {}}}, "ckpt.pt"
    )
    return ["--gan", "ckpt.pt"]


def averaged_copy() -> list[str]:
    torch.save({"g": strangers.DCGAN().state_dict(), "g_ema": dcgan_state()}, "ckpt.pt")
    return ["--gan", "ckpt.pt", "--key", "g_ema"]


def safetensors() -> list[str]:
    save_file(dcgan_state(), "netG.safetensors")
    return ["--gan", "netG.safetensors"]


def factory_and_weights() -> list[str]:
    strangers.write_code(Path())
    torch.save(strangers.trained(strangers.DCGAN(nz=9)).state_dict(), "w.pth")
    return [
        "--gan",
        "code.py:make",
        "--gan-arg",
        "kind=DCGAN",
        "--gan-arg",
        "nz=9",
        "--weights",
        "w.pth",
    ]


def uniform_prior() -> list[str]:
    strangers.write_code(Path())
    return ["--gan", "code.py:make", "--latent-dim", "7", "--prior", "uniform"]


def class_conditional() -> list[str]:
    strangers.write_code(Path())
    Path("code.gan.yaml").write_text(
        "latents:\n- {dim: 5}\n- {role: category, prior: categorical, dim: 3}\nseparate: "
        "true\noutput_range: [0, 1]\n"
    )
    return ["--gan", "code.py:make", "--gan-arg", "kind=Conditional"]


def exported() -> list[str]:
    batch = torch.export.Dim("batch", min=1, max=4096)
    network = strangers.trained(strangers.MLP())
    torch.export.save(
        torch.export.export(network, (torch.randn(3, 7),), dynamic_shapes=({0: batch},)),
        "model.pt2",
    )
    return ["--gan", "model.pt2", "--trust", "--latent-dim", "7"]


def torchscript() -> list[str]:
    torch.jit.trace(strangers.trained(strangers.DCGAN()), torch.randn(2, 6, 1, 1)).save("model.ts")
    return ["--gan", "model.ts", "--trust", "--latent-dim", "6"]


def onnx_graph() -> list[str]:
    strangers.export_onnx(strangers.DCGAN(), torch.randn(2, 6, 1, 1), Path("model.onnx"))
    return ["--gan", "model.onnx"]


def onnx_without_gradient() -> list[str]:
    """onnx2torch has no conversion of Celu, so onnxruntime runs it,
    and encoders learn by latent-nll.
    """
    strangers.export_onnx(strangers.Celu(), torch.randn(2, 5), Path("model.onnx"))
    return ["--gan", "model.onnx"]


def onnx_of_one_batch_size() -> list[str]:
    strangers.export_onnx(strangers.MLP(), torch.randn(3, 7), Path("model.onnx"), dynamic=False)
    return ["--gan", "model.onnx"]


def truncated_normal_prior() -> list[str]:
    strangers.write_code(Path())
    return ["--gan", "code.py:make", "--latent-dim", "7", "--prior", "truncated-normal"]


def sphere_prior() -> list[str]:
    strangers.write_code(Path())
    return ["--gan", "code.py:make", "--latent-dim", "7", "--prior", "sphere"]


HOLDINGS: list[Callable[[], list[str]]] = [
    bare_state_dict,
    wrapped_state_dict,
    averaged_copy,
    safetensors,
    factory_and_weights,
    uniform_prior,
    class_conditional,
    exported,
    torchscript,
    onnx_graph,
    onnx_without_gradient,
    onnx_of_one_batch_size,
    truncated_normal_prior,
    sphere_prior,
]
NO_GRADIENT = (onnx_without_gradient, onnx_of_one_batch_size)


@pytest.mark.parametrize("holding", HOLDINGS, ids=lambda holding: holding.__name__)
def test_every_way_of_holding_a_generator_is_inspected_fitted_and_used(
    holding: Callable[[], list[str]],
) -> None:
    flags = holding()
    result = invoke("inspect", *flags, "--json", "--out", "look")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["kind"] == "foreign"
    failed = [check["name"] for check in report["checks"] if not check["passed"]]
    assert failed == (["gradient to the latents"] if holding in NO_GRADIENT else [])
    assert Path("look/samples.png").exists()
    objective = ["--objective", "latent-nll"] if holding in NO_GRADIENT else []
    result = invoke("fit-encoders", *flags, "--out", "encoders", *objective, *FIT)
    assert result.exit_code == 0, result.output
    model = load_encoders(Path("encoders"))
    assert model.image_shape == tuple(report["images"])
    result = invoke("render", "reconstructions", *flags, "--encoders", "encoders", *FIT)
    assert result.exit_code == 0, result.output
    result = invoke("sample", *flags, "-n", "5", "-o", "own.npy", "--latents", "own.npz")
    assert result.exit_code == 0, result.output
    result = invoke("encode", "own.npy", "--encoders", "encoders", "-o", "z.npz")
    assert result.exit_code == 0, result.output
    assert np.load("z.npz")["latents"].shape == np.load("own.npz")["latents"].shape
    result = invoke("reconstruct", "own.npy", *flags, "--encoders", "encoders", "-o", "out")
    assert result.exit_code == 0, result.output
    assert len(list(Path("out").glob("*.png"))) == 5
    result = invoke(
        "invert", "own.npy", *flags, "--encoders", "encoders", "-o", "y.npz", "--refine", "2"
    )
    assert (result.exit_code == 0) == (holding not in NO_GRADIENT), result.output
    assert holding not in NO_GRADIENT or "passes no gradient" in result.stderr


def test_a_safe_file_is_found_again_by_its_encoders_and_code_must_be_named() -> None:
    for holding, finds in ((bare_state_dict, True), (uniform_prior, False)):
        flags = holding()
        assert invoke("fit-encoders", *flags, "--out", "e", *FIT).exit_code == 0
        result = invoke("sample", *flags, "-n", "3", "-o", "own.npy")
        assert result.exit_code == 0, result.output
        result = invoke("reconstruct", "own.npy", "--encoders", "e", "-o", "out")
        assert (result.exit_code == 0) == finds, result.output
        assert finds or "whose loading runs code: name it with --gan" in result.stderr


def test_an_objective_that_needs_a_gradient_names_the_one_that_does_not() -> None:
    result = invoke("fit-encoders", *onnx_without_gradient(), "--out", "encoders", *FIT)
    assert result.exit_code == 1
    assert "--objective latent-nll" in result.stderr
    assert not Path("encoders").exists()


@pytest.mark.parametrize("content", [b"", b"not a graph at all", b"PK\x03\x04 cut"])
def test_what_is_no_onnx_graph_is_refused(content: bytes) -> None:
    Path("a.onnx").write_bytes(content)
    result = invoke("inspect", "--gan", "a.onnx")
    assert result.exit_code == 1
    assert "cannot be read as ONNX" in result.stderr
    assert result.stderr.count("\n") == 1


def test_both_ways_of_running_an_onnx_graph_are_the_network_that_was_exported() -> None:
    for holding, network in (
        (onnx_graph, strangers.DCGAN()),
        (onnx_of_one_batch_size, strangers.MLP()),
    ):
        generator = load_generator(GeneratorSource(holding()[1]))
        z = torch.randn(5, generator.latent_space.dim)
        shaped = z.view(5, 6, 1, 1) if holding is onnx_graph else z
        expected = (strangers.trained(network)(shaped) + 1) / 2
        assert torch.allclose(generator(z), expected, atol=1e-5)


def test_inspect_counts_dead_first_units() -> None:
    strangers.write_code(Path())
    result = invoke("inspect", "--gan", "code.py:Dead", "--latent-dim", "7", "--json")
    assert result.exit_code == 0, result.output
    assert (
        json.loads(result.stdout)["first units"]
        == "25% dead at every prior draw, 100% at the mean latent"
    )


def test_images_of_256_pixels_are_supported() -> None:
    strangers.write_code(Path())
    flags = ["--gan", "code.py:make", "--gan-arg", "side=256", "--latent-dim", "7"]
    tiny = ["--set", "fit-encoders.batch_size=2", "--set", "fit-encoders.iterations=1"]
    tiny += ["--set", "fit-encoders.encoder={width: 2, features: 4}"]
    result = invoke("fit-encoders", *flags, "--out", "encoders", *tiny)
    assert result.exit_code == 0, result.output
    assert load_encoders(Path("encoders")).image_shape == (1, 256, 256)


def test_an_inferred_dcgan_is_the_network_that_was_saved() -> None:
    bare_state_dict()
    generator = load_generator(GeneratorSource("netG.pth"))
    z = torch.randn(5, 6)
    expected = (strangers.trained(strangers.DCGAN())(z.view(5, 6, 1, 1)) + 1) / 2
    assert torch.allclose(generator(z), expected, atol=1e-6)
    assert generator.latent_space.dim == 6
    assert generator.image_shape == (3, 32, 32)


def test_a_description_written_by_inspect_is_read_again() -> None:
    strangers.write_code(Path())
    flags = ["--gan", "code.py:make", "--latent-dim", "7", "--prior", "uniform"]
    assert invoke("inspect", *flags, "--write").exit_code == 0
    generator = load_generator(GeneratorSource("code.py:make"))
    assert generator.latent_space.blocks[0].prior == "uniform"
    Path("code.gan.yaml").write_text("latent: 3\n")
    result = invoke("inspect", "--gan", "code.py:make")
    assert result.exit_code == 1
    assert "code.gan.yaml: unknown parameter 'latent'; did you mean 'latents'" in result.stderr


def test_fitting_changes_nothing_of_a_foreign_generator() -> None:
    generator = load_generator(GeneratorSource(bare_state_dict()[1]))
    before = weights_hash(generator)
    assert all(check.passed for check in inspect(generator))
    assert weights_hash(generator) == before
    content = Path("netG.pth").read_bytes()
    assert invoke("fit-encoders", "--gan", "netG.pth", *FIT).exit_code == 0
    assert Path("netG.pth").read_bytes() == content


UNFIT = {
    "code.py:Batchy": "its batch",
    "code.py:Noisy": "same latents, same image",
    "code.py:Broken": "finite",
    "code.py:Grey": "output range",
    "code.py:Cut": "gradient",
    "code.py:Constant": "diversity",
    "code.py:Signal": "images",
    "code.py:nothing": "has no nothing",
    "nowhere.py:make": "nowhere.py does not exist",
    "no.such.package:make": "cannot be imported",
}


@pytest.mark.parametrize("spec", UNFIT)
def test_an_unfit_generator_is_refused_in_one_line(spec: str) -> None:
    strangers.write_code(Path())
    size = "4" if spec.endswith("Signal") else "7"
    # Without a gradient it is not unfit, but for an objective that needs one.
    for command in ("fit-encoders",) if spec.endswith("Cut") else ("inspect", "fit-encoders"):
        result = invoke(command, "--gan", spec, "--latent-dim", size, *FIT)
        assert result.exit_code == 1, result.output
        assert result.stderr.count("\n") == 1, result.stderr
        assert UNFIT[spec] in result.stderr
    assert not Path("data").exists()


def test_a_factory_that_leaves_batchnorm_in_training_mode_is_put_into_evaluation() -> None:
    strangers.write_code(Path())
    flags = ["--gan", "code.py:in_training", "--latent-dim", "6"]
    result = invoke("inspect", *flags, "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["weights"] == weights_hash(load_generator(GeneratorSource("code.py:in_training")))
    assert invoke("fit-encoders", *flags, "--out", "encoders", *FIT).exit_code == 0


def test_a_graph_traced_in_training_mode_is_refused() -> None:
    torch.jit.trace(strangers.trained(strangers.DCGAN()).train(), torch.randn(4, 6, 1, 1)).save(
        "model.ts"
    )
    result = invoke(
        "fit-encoders",
        "--gan",
        "model.ts",
        "--trust",
        "--latent-dim",
        "6",
        "--out",
        "encoders",
        *FIT,
    )
    assert result.exit_code == 1
    assert "normalises over the batch: call .eval()" in result.stderr
    assert not Path("encoders").exists()


@pytest.mark.parametrize("size", ["5", "8"])
def test_a_wrong_latent_size_names_the_flag(size: str) -> None:
    strangers.write_code(Path())
    for command in ("inspect", "fit-encoders"):
        result = invoke(command, "--gan", "code.py:make", "--latent-dim", size, *FIT)
        assert result.exit_code == 1
        assert "set --latent-dim or --latent-shape" in result.stderr
        assert result.stderr.count("\n") == 1


def test_flags_mend_what_flags_can_mend() -> None:
    strangers.write_code(Path())
    result = invoke(
        "inspect", "--gan", "code.py:Grey", "--latent-dim", "7", "--output-range", "0", "255"
    )
    assert result.exit_code == 0, result.output
    result = invoke("inspect", "--gan", "code.py:make", "--latent-dim", "8")
    assert result.exit_code == 1
    assert "set --latent-dim or --latent-shape" in result.stderr
    for flags, message, status in (
        (["--gan-arg", "kind"], "NAME=VALUE", 2),
        (["--prior", "normal"], "--prior needs --latent-dim", 1),
        (["--latent-dim", "7", "--latent-shape", "2,2"], "does not hold the 7 numbers", 1),
        (["--latent-dim", "7", "--output-range", "1", "0"], "--output-range", 2),
        (["--gan-arg", "king=MLP"], "--gan-arg", 1),
    ):
        result = invoke("inspect", "--gan", "code.py:make", *flags)
        assert result.exit_code == status
        assert message in result.stderr


def test_sizes_that_no_encoder_reads_and_figures_of_blocks_that_are_not_there() -> None:
    strangers.write_code(Path())
    flags = ["--gan", "code.py:make", "--latent-dim", "7"]
    result = invoke("fit-encoders", *flags, "--gan-arg", "side=30", *FIT)
    assert result.exit_code == 1
    assert "no network makes images of 30 pixels" in result.stderr
    for figure in ("categories", "traversal"):
        result = invoke("render", figure, *flags)
        assert result.exit_code == 1
        assert "nothing to draw" in result.stderr
    assert invoke("render", "traversal", "--block", "noise", *flags).exit_code == 0


def test_checkpoints_that_do_not_say_enough() -> None:
    averaged = {name: 0.5 * value for name, value in dcgan_state().items()}
    torch.save({"g": dcgan_state(), "g_ema": averaged}, "two.pt")
    torch.save(strangers.MLP().state_dict(), "mlp.pt")
    for flags, message in (
        (["--gan", "two.pt"], "choose one with --key 'g' or 'g_ema'"),
        (["--gan", "two.pt", "--key", "h"], "no weights under --key h"),
        (["--gan", "mlp.pt"], "--gan file.py:factory"),
    ):
        result = invoke("inspect", *flags)
        assert result.exit_code == 1
        assert message in result.stderr


class Attack:
    """Creates a file when it is unpickled."""

    def __reduce__(self):
        return Path.touch, (Path("owned"),)


@pytest.mark.parametrize("content", [b"", b"hello world\n", bytes(range(256)) * 8])
def test_files_that_are_no_checkpoint_say_so(content: bytes) -> None:
    Path("a.pt").write_bytes(content)
    result = invoke("inspect", "--gan", "a.pt")
    assert result.exit_code == 1
    assert "no checkpoint" in result.stderr
    assert result.stderr.count("\n") == 1


NEIGHBOUR = """
from torch import nn

class Made(nn.Sequential):
    pass

import torch

def make():
    torch.manual_seed(0)
    return Made(nn.Linear(7, 28 * 28), nn.Tanh(), nn.Unflatten(1, (1, 28, 28)))
"""


def test_a_factory_imports_its_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setitem(sys.modules, "neighbour", sys)  # so that it is forgotten afterwards
    del sys.modules["neighbour"]
    Path("code").mkdir()
    Path("code/neighbour.py").write_text(NEIGHBOUR)
    Path("code/entry.py").write_text("from neighbour import make\n")
    generator = load_generator(GeneratorSource("code/entry.py:make"))
    assert isinstance(generator, ForeignGenerator)
    maker = sys.modules[type(generator.network).__module__]
    assert maker.__file__ is not None
    assert Path(maker.__file__).samefile("code/neighbour.py")
    assert generator.image_shape == (1, 28, 28)
    assert invoke("inspect", "--gan", "code/entry.py:make").exit_code == 0


@pytest.mark.parametrize("name", ["a.pt", "a.pth", "a.pkl", "pickled-module.pt"])
def test_pickles_that_run_code_are_refused_and_do_not_run(name: str) -> None:
    if name == "a.pkl":
        Path(name).write_bytes(pickle.dumps({"G": Attack()}))
    elif name == "pickled-module.pt":
        torch.save(strangers.MLP(), name)
    else:
        torch.save({"state": Attack()}, name)
    for command in ("inspect", "fit-encoders"):
        result = invoke(command, "--gan", name)
        assert result.exit_code == 1
        assert "could execute code" in result.stderr
        assert name != "pickled-module.pt" or "a pickled tests.strangers.MLP" in result.stderr
        assert "--gan file.py:factory" in result.stderr
    assert not Path("owned").exists()


def test_a_pickle_inside_an_archive_is_not_reached_without_trust() -> None:
    with zipfile.ZipFile("a.pt2", "w") as archive:
        archive.writestr("a/archive_format", "pt2")
        archive.writestr("a/data/weights/weights.pt", pickle.dumps(Attack()))
    result = invoke("inspect", "--gan", "a.pt2")
    assert result.exit_code == 1
    assert "add --trust" in result.stderr
    assert not Path("owned").exists()


@pytest.mark.parametrize("holding", [exported, torchscript], ids=lambda holding: holding.__name__)
def test_files_whose_loader_can_execute_code_need_trust(holding: Callable[[], list[str]]) -> None:
    flags = [flag for flag in holding() if flag != "--trust"]
    result = invoke("inspect", *flags)
    assert result.exit_code == 1
    assert "add --trust" in result.stderr


def test_a_description_is_used_and_a_flag_that_contradicts_it_is_refused() -> None:
    torch.save(dcgan_state(), "net.epoch1.pth")
    assert invoke("inspect", "--gan", "net.epoch1.pth", "--write").exit_code == 0
    assert Path("net.epoch1.gan.yaml").is_file()
    for flags, refused in (
        (["--latent-dim", "6"], False),
        (["--latent-dim", "9"], True),
        (["--latent-dim", "6", "--prior", "uniform"], True),
        (["--output-range", "-1", "1"], False),
        (["--output-range", "0", "1"], True),
        (["--latent-shape", "6,1,1"], False),
    ):
        result = invoke("inspect", "--gan", "net.epoch1.pth", *flags)
        assert (result.exit_code == 1) == refused, result.output
        assert ("its .gan.yaml" in result.stderr) == refused


def test_weights_that_look_like_a_dcgan_are_none_where_their_latents_are_a_map() -> None:
    up = nn.ConvTranspose2d(8, 16, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(16, 3, 4, 2, 1)
    torch.save(nn.Sequential(*up).state_dict(), "map.pth")
    for flags in (["--latent-shape", "8,4,4"], ["--latent-dim", "128"]):
        result = invoke("inspect", "--gan", "map.pth", *flags)
        assert result.exit_code == 1
        assert "it is another network" in result.stderr


class Viewing(nn.Module):
    """A network that views what a convolution gave: only one memory format lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.ConvTranspose2d(5, 6, 4)
        self.last = nn.Linear(6 * 16, 3 * 16)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        x = self.first(z)
        return self.last(x.view(len(x), -1)).view(-1, 3, 4, 4).sigmoid()


@pytest.mark.parametrize("plain", [True, False])
def test_only_a_network_of_plain_layers_is_placed_channels_last(plain: bool) -> None:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.ConvTranspose2d(5, 6, 4), nn.Conv2d(6, 3, 1), nn.Sigmoid())
    network = layers if plain else Viewing()
    generator = adapt(network, Description(latent_shape=(5, 1, 1)), "it", "module")
    latents = torch.randn(3, 5)
    before = generator(latents)
    placed = choose("cpu", "float32").place(generator)
    weight = next(own for own in placed.parameters() if own.ndim == 4)
    assert weight.is_contiguous(memory_format=torch.channels_last) == plain
    assert torch.allclose(placed(latents), before, atol=1e-6)
