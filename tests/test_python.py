"""The face for Python: what it takes, what it gives, and that it leaves the caller alone."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor, nn

import ssavl
from ssavl.images.batch import as_batch, shape_of
from ssavl.images.file import decode
from ssavl.latents.space import Factorised
from tests.processes import ROOT

QUICK: dict[str, Any] = {"iterations": 3, "batch_size": 8, "progress": False, "device": "cpu"}
QUICK["encoder"] = {"width": 2, "features": 4}


def network(dim: int = 6) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = [nn.Linear(dim, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 28 * 28)]
    return nn.Sequential(*layers, nn.Sigmoid(), nn.Unflatten(1, (1, 28, 28)))


@pytest.fixture(scope="module")
def model() -> ssavl.Model:
    torch.set_num_threads(1)
    return ssavl.fit(network(), 6, **QUICK)


def test_a_network_of_ones_own_gets_encoders_in_under_ten_lines() -> None:
    generator = network()
    model = ssavl.fit(generator, latent_dim=6, **QUICK)
    x = generator.eval()(torch.randn(5, 6)).detach()
    z = model.encode(x)
    assert z.shape == (5, 6)
    assert model.decode(z).shape == x.shape
    assert [block.name for block in model.latent_space.blocks] == ["noise"]


def test_more_iterations_learn_more() -> None:
    generator = network().eval()
    z = torch.randn(200, 6, generator=torch.Generator().manual_seed(1))
    x = generator(z).detach()
    short, long = (
        ssavl.fit(generator, 6, **{**QUICK, "iterations": n, "learning_rate": 0.01})
        for n in (1, 200)
    )
    errors = [(model.encode(x) - z).square().mean().item() for model in (short, long)]
    assert errors[1] < 0.8 * errors[0]


def test_any_callable_and_any_latent_space() -> None:
    body = network(5).eval()

    def draw(z: Tensor, y: Tensor) -> Tensor:
        return 2 * body(torch.cat([z, y], dim=1)) - 1

    blocks = [
        ssavl.Block("noise", "noise", "sphere", 3),
        ssavl.Block("kind", "category", "categorical", 2),
    ]
    settings = {"latents": blocks, "separate": True, "output_range": (-1.0, 1.0)}
    model = ssavl.fit(draw, **settings, **QUICK)  # type: ignore[arg-type]
    latents, images = model.sample(3)
    assert latents.shape == (3, 5)
    assert torch.equal(latents[:, 3:].sum(1), torch.ones(3))
    assert images.min() >= 0
    assert images.max() <= 1
    posterior = model.posterior(images)
    assert isinstance(posterior, Factorised)
    assert posterior.probabilities("kind").shape == (3, 2)


def state() -> tuple[Any, ...]:
    return (
        torch.get_rng_state().tolist(),
        torch.get_num_threads(),
        torch.is_grad_enabled(),
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
        np.random.get_state()[1].tolist(),  # type: ignore[index]
    )


def uses(model: ssavl.Model, images: Tensor, folder: Path) -> dict[str, Callable[[], Any]]:
    """Every public function."""
    latents = torch.zeros(2, 6)
    return {
        "fit": lambda: ssavl.fit(network(), 6, **QUICK),
        "train": lambda: ssavl.train("vae", images, **TRAINING),
        "load": lambda: ssavl.load(folder, gan=network()),
        "load_generator": lambda: ssavl.load_generator(network(), latent_dim=6),
        "posterior": lambda: model.posterior(images),
        "encode": lambda: model.encode(images),
        "decode": lambda: model.decode(latents),
        "reconstruct": lambda: model.reconstruct(images),
        "invert": lambda: model.invert(images, steps=2),
        "score": lambda: model.score(images),
        "sample": lambda: model.sample(3),
        "interpolate": lambda: model.interpolate(images[:1], images[1:]),
        "walk": lambda: model.walk(latents, latents),
        "show": lambda: model.show("samples", columns=2),
        "save": lambda: model.save(folder),
    }


TRAINING: dict[str, Any] = {"iterations": 2, "batch_size": 4, "progress": False, "device": "cpu"}
TRAINING["latents"] = {"noise": 3, "categories": 2}
TRAINING["networks"] = {
    "generator": {"width": 2, "hidden": 4},
    "encoder": {"width": 2, "features": 4},
}


@pytest.mark.parametrize("gradients", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nothing_of_the_caller_moves(
    model: ssavl.Model, gradients: bool, dtype: torch.dtype, tmp_path: Path
) -> None:
    images = torch.rand(2, 1, 28, 28)
    model.save(tmp_path / "encoders")
    generator = network().train()
    weights = [tensor.clone() for tensor in generator.state_dict().values()]
    torch.set_default_dtype(dtype)
    try:
        with torch.set_grad_enabled(gradients):
            for name, use in uses(model, images, tmp_path / "encoders").items():
                torch.manual_seed(5)
                before = state()
                use()
                assert state() == before, name
            ssavl.fit(generator, 6, **QUICK)
    finally:
        torch.set_default_dtype(torch.float32)
    assert generator.training
    assert all(parameter.requires_grad for parameter in generator.parameters())
    pairs = zip(weights, generator.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


CONTEXTS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "inference": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "device": lambda: torch.device("meta"),
}


@pytest.mark.parametrize("context", CONTEXTS)
def test_the_callers_context_changes_no_result(
    model: ssavl.Model, context: str, tmp_path: Path
) -> None:
    generator, images, latents = network(), torch.rand(2, 1, 28, 28), torch.rand(2, 6)
    model.save(tmp_path / "e")
    settings: dict[str, Any] = {**QUICK, "objective": "elbo"}

    def results() -> list[Tensor]:
        loaded = ssavl.load(tmp_path / "e", gan=generator)
        fitted, trained = (
            ssavl.fit(generator, 6, **settings),
            ssavl.train("vae", images, **TRAINING),
        )
        inverted = model.invert(images, steps=2).latents
        encoded = [own.encode(images) for own in (loaded, fitted, trained)]
        return [*encoded, loaded.decode(latents), inverted]

    expected = results()
    with CONTEXTS[context]():
        before, found, after = state()[1:-1], results(), state()[1:-1]
    assert after == before
    for a, b in zip(found, expected, strict=True):
        assert torch.equal(a, b)
        assert not a.is_inference()


def test_images_of_inference_mode_or_of_a_graph_can_be_inverted(model: ssavl.Model) -> None:
    with torch.inference_mode():
        images = torch.rand(2, 1, 28, 28)
    leaf = images.clone().requires_grad_()
    found = [model.invert(x, steps=2).latents for x in (images, leaf)]
    assert torch.equal(*found)
    assert leaf.grad is None


def test_threads_take_turns(model: ssavl.Model) -> None:
    images, generator = torch.rand(2, 1, 28, 28), network()
    settings = {**QUICK, "iterations": 10}
    expected = ssavl.fit(generator, 6, **settings).encode(images)
    found: list[Tensor] = []

    def work() -> None:
        for _ in range(2):
            found.append(ssavl.fit(generator, 6, **settings).encode(images))
            model.sample(2)

    torch.set_default_dtype(torch.float64)
    try:
        before = state()
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert state() == before
    finally:
        torch.set_default_dtype(torch.float32)
    assert len(found) == 6
    assert all(torch.equal(own, expected) for own in found)


def test_the_seed_alone_decides() -> None:
    first = ssavl.fit(network(), 6, **QUICK)
    torch.manual_seed(99)
    second = ssavl.fit(network(), 6, **QUICK)
    third = ssavl.fit(network(), 6, seed=1, **QUICK)
    rngs = [torch.Generator().manual_seed(7) for _ in range(2)]
    fourth, fifth = (ssavl.fit(network(), 6, seed=rng, **QUICK) for rng in rngs)
    x = torch.rand(3, 1, 28, 28)
    z = [model.encode(x) for model in (first, second, third, fourth, fifth)]
    assert torch.equal(z[0], z[1])
    assert not torch.equal(z[0], z[2])
    assert torch.equal(z[3], z[4])
    assert torch.equal(first.score(x)["ll"], second.score(x)["ll"])


FORMS: dict[str, Callable[[Tensor], Any]] = {
    "tensor": lambda x: x,
    "float64": lambda x: x.double(),
    "uint8 array": lambda x: (x * 255).round().byte().numpy(),
    "channels last": lambda x: x.movedim(1, -1).numpy(),
    "grey": lambda x: x[:, 0],
    "list of tensors": list,
    "mirrored array": lambda x: x.flip(-1).numpy()[..., ::-1],
    "big-endian array": lambda x: x.numpy().astype(">f4"),
    "read-only array": lambda x: np.frombuffer(x.numpy().tobytes(), np.float32).reshape(x.shape),
    "strided": lambda x: x.repeat_interleave(2, -1)[..., ::2],
    "pictures": lambda x: [Image.fromarray((one[0] * 255).round().byte().numpy()) for one in x],
}
TAKERS = ["posterior", "encode", "reconstruct", "invert", "score", "interpolate", "show"]


def take(model: ssavl.Model, name: str, images: Any) -> Any:
    if name == "interpolate":
        return model.interpolate(images, images, steps=3)
    if name == "invert":
        return model.invert(images, steps=2)
    if name == "show":
        return model.show("reconstructions", images, columns=2)
    return getattr(model, name)(images)


@pytest.mark.parametrize("name", TAKERS)
@pytest.mark.parametrize("form", FORMS)
def test_images_are_taken_as_people_hold_them(model: ssavl.Model, name: str, form: str) -> None:
    x = (torch.rand(3, 1, 28, 28) * 255).round() / 255
    take(model, name, FORMS[form](x))
    if name == "encode":
        assert torch.allclose(model.encode(FORMS[form](x)), model.encode(x), atol=1e-5)


def test_one_image_is_a_batch_of_one() -> None:
    x = torch.rand(1, 28, 28)
    for image in (x, x[0], x.movedim(0, -1), x.numpy()):
        assert torch.equal(as_batch(image, (1, 28, 28)), x[None])
    colour = torch.rand(3, 28, 28)
    for image in (colour, colour.movedim(0, -1).numpy()):
        assert torch.equal(as_batch(image, (3, 28, 28)), colour[None])


def test_sixteen_bits_are_sixteen_bits(tmp_path: Path) -> None:
    eight = np.arange(784, dtype=np.uint16).reshape(28, 28) % 256
    deep = Image.fromarray(eight * 257)
    deep.save(tmp_path / "deep.png")
    for found in (as_batch(deep, (1, 28, 28))[0], decode(tmp_path / "deep.png", 28, 1).pixels):
        assert np.array_equal(found[0], eight)
    assert shape_of([deep]) == (1, 28, 28)


@pytest.mark.parametrize("name", TAKERS[:-1])
@pytest.mark.parametrize("none", [torch.zeros(0, 1, 28, 28), [], np.zeros((0, 28, 28))])
def test_no_image_gives_no_result(model: ssavl.Model, name: str, none: Any) -> None:
    found = take(model, name, none)
    if name == "score":
        assert all(len(term) == 0 for term in found.values())
        assert "ll" in found
    elif name == "invert":
        assert found.latents.shape == (0, 6)
    elif name == "posterior":
        assert found.mode.shape == (0, 6)
    else:
        assert len(found) == 0


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.rand(2, 3, 28, 28), "is needed"),
        (torch.full((2, 1, 28, 28), 2.0), "leave [0, 1]"),
        (torch.full((2, 1, 28, 28), torch.nan), "leave [0, 1]"),
        (torch.zeros(2, 1, 28, 28, dtype=torch.int64), "floats in [0, 1], or uint8"),
        (["a.png"], "hold a str"),
        ("a.png", "are a str"),
        (None, "are a NoneType"),
        (np.array(["a"]), "<U1"),
        (torch.rand(2, 1, 28, 28) > 0.5, "floats in [0, 1], or uint8"),
        ([torch.rand(1, 28, 28), torch.rand(1, 30, 30)], "give one of each"),
        (torch.rand(2, 1, 28, 28).to_sparse(), "give dense ones"),
        (torch.rand(2, 1, 28, 28, device="meta"), "meta tensors"),
        (Image.fromarray(np.full((28, 28), 255, np.float32)), "no known range"),
    ],
)
def test_what_is_no_image_is_refused(model: ssavl.Model, images: Any, message: str) -> None:
    for take_them in (model.encode, lambda x: ssavl.train("vae", x, **TRAINING)):
        if message == "is needed" and take_them is not model.encode:
            continue  # a method takes any size that its networks make
        with pytest.raises(ssavl.UserError, match=re.escape(message)) as caught:
            take_them(images)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a", "b"], "whole numbers"),
        ([0.5, 1.5], "whole numbers"),
        ([1], "(2,) are needed"),
        ([[0], [0, 1]], "several lengths"),
    ],
)
def test_what_are_no_labels_is_refused(labels: Any, message: str) -> None:
    with pytest.raises(ssavl.UserError, match=re.escape(message)):
        ssavl.train("vae", torch.rand(2, 1, 28, 28), labels=labels, **TRAINING)


@pytest.mark.parametrize("none", [torch.zeros(0, 1, 28, 28), [], np.zeros((0, 28, 28))])
def test_no_image_is_nothing_to_learn_from(none: Any) -> None:
    with pytest.raises(ssavl.UserError, match="no image to learn from"):
        ssavl.train("vae", none, **TRAINING)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"latent_dim": 5}, "set --latent-dim"),
        ({"latent_dim": 6, "itterations": 5}, "did you mean 'iterations'"),
        ({"latent_dim": 6, "latents": [ssavl.Block("z", "noise", "normal", 6)]}, "not both"),
        ({"latent_dim": 0}, "latent_dim = 0"),
        ({"latent_dim": "6"}, "latent_dim = '6'"),
        ({"latent_dim": 6, "output_range": (1, 0)}, "is empty"),
        ({"latent_dim": 6, "latent_shape": 6}, "latent_shape = 6"),
        ({"latents": {"noise": 6}}, "a list of ssavl.Block"),
        ({"latent_dim": 6, "seed": 1.5}, "seed = 1.5"),
        ({"latent_dim": 6, "beta": -1.0}, "beta = -1.0"),
        ({"latent_dim": 6, "likelihood": "paper"}, "ssavl.Likelihood"),
        ({"latent_dim": 6, "device": "meta"}, "cannot be used here"),
        ({"latent_dim": 6, "learning_rate": -1}, "greater than 0"),
    ],
)
def test_what_does_not_fit_is_said_in_a_line(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ssavl.UserError, match=re.escape(message)) as caught:
        ssavl.fit(network(), **{**QUICK, **settings})
    assert "\n" not in str(caught.value)


def test_figures_are_figures(model: ssavl.Model) -> None:
    assert isinstance(model.show("samples", columns=2), Figure)
    assert isinstance(model.show("calibration"), Figure)
    with pytest.raises(ssavl.UserError, match="no figure"):
        model.show("sample")


def test_a_saved_model_is_the_same_again(model: ssavl.Model, tmp_path: Path) -> None:
    model.save(tmp_path / "e")
    again = ssavl.load(tmp_path / "e", gan=network(), device="cpu")
    x = torch.rand(3, 1, 28, 28)
    assert torch.equal(again.encode(x), model.encode(x))
    assert torch.equal(again.reconstruct(x), model.reconstruct(x))
    other = network()
    with torch.no_grad():
        next(other.parameters()).add_(1)
    with pytest.raises(ssavl.UserError, match="other weights"):
        ssavl.load(tmp_path / "e", gan=other, device="cpu").decode(model.encode(x))


@pytest.mark.parametrize("method", ["vae", "ss-avl"])
def test_methods_train_on_images_in_memory(method: str) -> None:
    images = torch.rand(30, 1, 28, 28)
    model = ssavl.train(method, images, **TRAINING)
    _, drawn = model.sample(4)
    assert drawn.shape == (4, 1, 28, 28)
    if method == "vae":
        assert model.encode(images).shape == (30, 7)
    else:
        with pytest.raises(ssavl.UserError, match="infers nothing"):
            model.encode(images)
    with pytest.raises(ssavl.UserError, match="did you mean 'vae'"):
        ssavl.train("vea", images)


def test_the_face_is_listed_and_lazy() -> None:
    assert {*ssavl.__all__} <= {*dir(ssavl)}
    code = "import ssavl, sys; assert 'torch' not in sys.modules; ssavl.Block; print(dir(ssavl))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert "'fit'" in done.stdout


def test_the_code_of_the_guide_runs() -> None:
    text = (ROOT / "docs/python.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= 5
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, "docs/python.md", "exec"), names)
    assert isinstance(names["figure"], Figure)


class Failing(nn.Module):
    """Whose copy, call or call with other than four latents fails, each in its own way."""

    def __init__(self, at: str) -> None:
        super().__init__()
        self.body, self.at = network(), at

    def forward(self, z: Tensor) -> Tensor:
        if self.at == "call" or (self.at == "batch" and len(z) != 4):
            raise KeyError("no\nsuch thing")
        return self.body(z).to(torch.complex64 if self.at == "dtype" else torch.float32)

    def __deepcopy__(self, memo: dict[int, Any]) -> nn.Module:
        if self.at == "copy":
            raise ValueError("no\ncopies")
        return Failing(self.at)


@pytest.mark.parametrize(
    ("generator", "message"),
    [
        (Failing("copy"), "cannot be copied (no)"),
        (Failing("call"), "refuses latents"),
        (Failing("batch"), "any number of latents"),
        (Failing("dtype"), "complex64"),
        (network().to("meta"), "cannot be copied"),
        (None, "a NoneType is no generator"),
        (nn.Sequential, "the class Sequential is no generator"),
        (network().state_dict(), "is no generator"),
    ],
)
def test_what_is_no_generator_is_refused(generator: Any, message: str) -> None:
    with pytest.raises(ssavl.UserError, match=re.escape(message)) as caught:
        ssavl.fit(generator, 6, **QUICK)
    assert "\n" not in str(caught.value)


def cached() -> nn.Module:
    made = network()
    made.last = next(made.children())(torch.zeros(1, 6))
    return made


def weight_normed() -> nn.Module:
    made = network()
    nn.utils.weight_norm(next(made.children()))
    return made


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "half": lambda: network().half(),
    "double": lambda: network().double(),
    "weight norm": weight_normed,
    "a tensor of a graph": cached,
    "script": lambda: torch.jit.script(network()),
    "frozen": lambda: network().requires_grad_(False),
    "of inference mode": lambda: torch.inference_mode()(network)(),
}


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", NETWORKS)
def test_networks_of_every_kind_get_encoders(kind: str) -> None:
    made = ssavl.fit(NETWORKS[kind](), 6, **{**QUICK, "objective": "elbo"})
    _, images = made.sample(2)
    assert made.encode(images).shape == (2, 6)
    assert made.invert(images, steps=1).latents.shape == (2, 6)


def test_a_network_that_writes_into_its_input_changes_no_latents() -> None:
    body = network().eval()
    found = [
        ssavl.fit(draw, 6, **QUICK).sample(3)
        for draw in (lambda z: body(0.5 * z), lambda z: body(z.mul_(0.5)))
    ]
    for a, b in zip(*found, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda m: m.sample(-1), "n = -1"),
        (lambda m: m.sample(1.5), "n = 1.5"),
        (lambda m: m.invert(torch.rand(1, 1, 28, 28), steps=-1), "steps = -1"),
        (lambda m: m.invert(torch.rand(1, 1, 28, 28), refinement=3), "an ssavl.Refinement"),
        (lambda m: m.score(torch.rand(1, 1, 28, 28), samples=0), "samples = 0"),
        (lambda m: m.score(torch.rand(1, 1, 28, 28), likelihood="paper"), "ssavl.Likelihood"),
        (lambda m: m.decode(torch.zeros(2, 5)), "(N, 6) latents"),
        (lambda m: m.decode(torch.full((2, 6), torch.nan)), "not finite"),
        (lambda m: m.decode("a"), "real numbers"),
        (lambda m: m.walk(torch.zeros(2, 6), torch.zeros(3, 6)), "2 starts and 3 ends"),
        (lambda m: m.walk(torch.zeros(2, 6), torch.zeros(2, 6), steps=0), "steps = 0"),
        (lambda m: m.show("samples", columns=0), "columns = 0"),
        (lambda m: m.show("reconstructions", []), "none of the images"),
        (lambda m: m.save(None), "folder = None"),
        (lambda m: m.save("/proc/nowhere"), "cannot be written"),
        (lambda _: ssavl.load(None), "encoders = None"),  # type: ignore[arg-type]
        (lambda _: ssavl.load("nowhere", seed="a"), "seed = 'a'"),  # type: ignore[arg-type]
        (lambda _: ssavl.Likelihood("gausian"), "is unknown"),  # type: ignore[arg-type]
        (lambda m: ssavl.fit(m.generator, 5, **QUICK), "its latents are noise[6, normal]"),
        (lambda _: ssavl.Refinement(3, "sgd"), "is unknown"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_argument_is_refused(
    model: ssavl.Model, use: Callable[[ssavl.Model], Any], message: str
) -> None:
    with pytest.raises(ssavl.UserError, match=re.escape(message)) as caught:
        use(model)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("latents", [np.zeros((2, 6))[::-1], [[0.0] * 6] * 2])
def test_latents_are_taken_as_people_hold_them(model: ssavl.Model, latents: Any) -> None:
    assert torch.equal(model.decode(latents), model.decode(torch.zeros(2, 6)))
    assert torch.equal(model.decode(latents), model.decode(torch.zeros(2, 6, 1, 1)))


class Rung(Exception):
    pass


@pytest.mark.parametrize("own", [False, True])
def test_a_signal_goes_to_the_callers_handler_and_leaves_no_file(
    own: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ring(number: int, frame: Any) -> None:
        raise Rung

    body, calls = network().eval(), 0

    def draw(z: Tensor) -> Tensor:
        nonlocal calls
        calls += len(z) == QUICK["batch_size"]
        if calls == 3:
            signal.raise_signal(signal.SIGINT)
        return body(z)

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, ring if own else signal.default_int_handler)
    try:
        with pytest.raises(Rung if own else KeyboardInterrupt):
            ssavl.fit(draw, 6, **{**QUICK, "iterations": 10**6})
    finally:
        signal.signal(signal.SIGINT, before)
    assert not list(tmp_path.iterdir())
