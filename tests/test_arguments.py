"""What somebody passes from Python and no method can use: one line says what, and what to do."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import ssavl

QUICK: dict[str, Any] = {"iterations": 2, "batch_size": 4, "progress": False, "device": "cpu"}
QUICK["encoder"] = {"width": 2, "features": 4}
TRAINING: dict[str, Any] = {"iterations": 1, "batch_size": 2, "progress": False, "device": "cpu"}


class Network(nn.Module):
    """Latents ``(B, 4)`` to images ``(B, 1, 28, 28)`` of [0, 1]."""

    def __init__(self, after: Callable[[Tensor], Any] = lambda x: x) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 28 * 28)
        self.after = after

    def forward(self, z: Tensor) -> Any:
        return self.after(self.layer(z).sigmoid().reshape(-1, 1, 28, 28))


class OneBatchSize(Network):
    def forward(self, z: Tensor) -> Any:
        if len(z) != 4:
            raise KeyError("batches of four")
        return super().forward(z)


class Uncopyable(Network):
    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        raise LookupError("there is one of me")


@pytest.fixture(scope="module")
def model() -> ssavl.Model:
    return ssavl.fit(Network(), 4, **QUICK)


def raise_(error: Exception) -> Any:
    raise error


def refused(message: str, call: Callable[[], Any]) -> None:
    with pytest.raises(ssavl.UserError, match=re.escape(message)) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seed": "zero"}, "seed = 'zero': a whole number"),
        ({"seed": -1}, "seed = -1: a whole number"),
        ({"seed": 2**40}, "from 0 to 2147483647"),
        ({"beta": float("nan")}, "beta = nan"),
        ({"beta": "1"}, "beta = '1'"),
        ({"likelihood": "gaussian"}, "ssavl.Likelihood("),
        ({"latent_dim": 1.5}, "latent_dim = 1.5"),
        ({"latent_dim": None, "latents": 4}, "give a list of ssavl.Block"),
        ({"latent_shape": "four"}, "the generator: "),
        ({"output_range": (1, 0)}, "the generator: "),
        ({"device": "meta"}, "device 'meta' cannot be used here"),
        ({"device": "gpu"}, "device 'gpu' cannot be used here"),
    ],
)
def test_a_value_that_is_none_is_said(settings: dict[str, Any], message: str) -> None:
    refused(message, lambda: ssavl.fit(Network(), **{"latent_dim": 4, **QUICK, **settings}))


@pytest.mark.parametrize(
    ("generator", "message"),
    [
        (None, "a NoneType is no generator"),
        (Network, "the class Network is no generator"),
        (torch.zeros(3), "a Tensor is no generator"),
        (OneBatchSize(), "make it take any batch"),
        (Uncopyable(), "there is one of me"),
        (Network(lambda x: raise_(KeyError("mine"))), "mine"),
        (Network(lambda x: (x, x)), "no images but a tuple of 2"),
        (Network(lambda x: x.to(torch.complex64)), "no images but complex64"),
        (Network(lambda x: x.flatten(1)), "(4, 784)"),
        (Network(lambda x: x * torch.nan), "finite"),
    ],
)
def test_a_network_that_is_no_generator_is_said(generator: Any, message: str) -> None:
    refused(message, lambda: ssavl.fit(generator, 4, **QUICK))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"latents": 5}, "latents: "),
        ({"networks": ["critic"]}, "networks: "),
        ({"latents": {"nois": 4}}, "latents: "),
        ({"own": 5}, "vae"),
        ({"beta": -1}, "beta = -1"),
        ({"method": "gan"}, "gan"),
    ],
)
def test_a_training_says_which_section_is_wrong(settings: dict[str, Any], message: str) -> None:
    given = {"method": "vae", **TRAINING, **settings}
    refused(message, lambda: ssavl.train(given.pop("method"), torch.rand(4, 1, 28, 28), **given))


@pytest.mark.parametrize(
    "latents",
    [
        torch.zeros(2, 3),
        torch.zeros(4),
        torch.full((2, 4), torch.inf),
        torch.zeros(2, 4, dtype=torch.complex64),
        torch.zeros(2, 4, device="meta"),
        torch.zeros(2, 4).to_sparse(),
        [["a"] * 4],
        [[0.0] * 4, [0.0]],
        None,
        np.zeros((2, 4), np.complex128),
    ],
)
def test_what_are_no_latents_is_refused(model: ssavl.Model, latents: Any) -> None:
    refused("latents", lambda: model.decode(latents))
    refused("latents", lambda: model.walk(latents, latents))


@pytest.mark.parametrize(
    "hold",
    [
        lambda z: z,
        lambda z: z.double().numpy(),
        lambda z: z.tolist(),
        lambda z: z[:, :, None, None],
        lambda z: z.clone().requires_grad_(),
        lambda z: np.flip(z.flip(0).numpy(), 0),
    ],
)
def test_latents_are_taken_as_people_hold_them(
    model: ssavl.Model, hold: Callable[[Tensor], Any]
) -> None:
    z = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(model.decode(hold(z)), model.decode(z), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda m: m.sample(-1), "n = -1"),
        (lambda m: m.sample(2.5), "n = 2.5"),
        (lambda m: m.walk(torch.zeros(2, 4), torch.zeros(3, 4)), "2 starts and 3 ends"),
        (lambda m: m.walk(torch.zeros(2, 4), torch.zeros(2, 4), 0), "steps = 0"),
        (lambda m: m.score(torch.rand(1, 1, 28, 28), samples=0), "samples = 0"),
        (lambda m: m.score(torch.rand(1, 1, 28, 28), likelihood="paper"), "likelihood = 'paper'"),
        (lambda m: m.invert(torch.rand(1, 1, 28, 28), steps="many"), "steps = 'many'"),
        (lambda m: m.invert(torch.rand(1, 1, 28, 28), refinement=3), "an ssavl.Refinement"),
        (lambda m: m.show("samples", columns=0), "columns = 0"),
        (lambda m: m.show("reconstructions", []), "reconstructions: there is none"),
        (lambda m: m.save(5), "folder = 5"),
        (lambda m: ssavl.load(cast("Any", 5)), "encoders = 5"),
        (lambda m: ssavl.Refinement(3, cast("Any", "sgd")), "optimiser 'sgd' is unknown"),
        (lambda m: ssavl.Likelihood(cast("Any", "normal")), "likelihood 'normal' is unknown"),
        (lambda m: ssavl.Likelihood("gaussian", 0), "sigma = 0"),
    ],
)
def test_a_model_says_what_it_cannot_do(
    model: ssavl.Model, ask: Callable[[ssavl.Model], Any], message: str
) -> None:
    refused(message, lambda: ask(model))


def test_a_folder_that_cannot_be_written_is_said(model: ssavl.Model, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused("cannot be written", lambda: model.save(tmp_path / "file"))


def test_a_network_that_writes_into_its_input_changes_no_latents() -> None:
    kept = Network()
    writing = Network()
    writing.load_state_dict(kept.state_dict())
    writing.layer.register_forward_pre_hook(lambda layer, given: (given[0].mul_(1.0).sub_(1.0),))
    model = ssavl.fit(writing, 4, **QUICK)
    z = torch.ones(2, 4)
    x = model.decode(z)
    assert torch.equal(z, torch.ones(2, 4))
    torch.testing.assert_close(x, kept.eval()(torch.zeros(2, 4)).detach(), rtol=0, atol=0)


def test_a_network_with_the_older_weight_norm_is_copied() -> None:
    generator = Network()
    with pytest.warns(FutureWarning):
        nn.utils.weight_norm(generator.layer)
    generator(torch.zeros(2, 4))
    assert ssavl.fit(generator, 4, **QUICK).sample(2)[1].shape == (2, 1, 28, 28)


def test_a_signal_goes_to_the_callers_handler_once_the_iteration_is_over() -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    try:
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
        with pytest.raises(ssavl.errors.Interrupted):
            ssavl.fit(Network(), 4, **{**QUICK, "iterations": 10**6})
        assert seen == [signal.SIGTERM]
        assert signal.getsignal(signal.SIGTERM) not in (before, signal.SIG_DFL)
    finally:
        signal.signal(signal.SIGTERM, before)
