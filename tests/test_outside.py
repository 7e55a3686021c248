"""A method from outside of the package: one file, one line of the registry, and no other edit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from ssavl.engine.log import read_log
from ssavl.methods.registry import METHODS, Entry
from tests import outside
from tests.conftest import generator_in, invoke, model_in, tiny_overrides
from tests.methods import common, draws

REFERENCE = "Burgess et al., Understanding disentangling in beta-VAE, 2018"


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    can = ("samples", "infers", "clusters", "scores")
    entry = Entry(outside.build, outside.Params, "autoencoders", REFERENCE, can)
    monkeypatch.setitem(METHODS, "toy", entry)


def test_it_trains_and_its_files_do_what_those_of_any_method_do(data: Path) -> None:
    overrides = tiny_overrides(train__iterations=6, train__batch_size=8, train__log_every=2)
    own = ("--set", "methods.toy.beta=4", "--out", "toy")
    result = invoke("train", "--method", "toy", *own, *overrides)
    assert result.exit_code == 0, result.output
    record = json.loads(Path("toy/run.json").read_text())
    assert record["settings"]["methods"] == {"toy": outside.Params(beta=4).model_dump(mode="json")}
    assert {"model/loss", "model/kl", "model/price"} <= set(read_log(Path("toy/log.csv")))
    model, images = model_in(Path("toy")), data / "prepared/images.npy"
    for arguments in (
        ["sample", "-n", "4", "-o", "own.npy", *generator_in(Path("toy"))],
        ["encode", images, "-o", "latents.npz", *model],
        ["reconstruct", images, "-o", "pictures", *model],
        ["render", "samples", *generator_in(Path("toy")), *overrides],
        ["render", "reconstructions", "--data", data / "prepared", *model, *overrides],
        ["evaluate", "--out", "evaluated", *model, *overrides],
    ):
        result = invoke(*arguments)
        assert result.exit_code == 0, result.output
    metrics = json.loads(Path("evaluated/metrics.json").read_text())["toy"]
    assert metrics["ll"] < 0 < metrics["mse"]


def test_it_is_listed_with_what_it_reads() -> None:
    (line,) = [line for line in invoke("methods").output.splitlines() if line.startswith("toy")]
    assert line.split() == ["toy", "autoencoders", *["yes"] * 4]
    page = invoke("methods", "toy").output
    assert REFERENCE in page
    assert "beta = 10.0  price of a nat" in page


def test_what_it_does_not_read_is_refused_before_anything_is_written(data: Path) -> None:
    bad = ("--set", "methods.toy.bet=4", "--out", "toy")
    result = invoke("train", "--method", "toy", *bad, *tiny_overrides())
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "unknown parameter 'bet'; did you mean 'beta'?" in result.stderr
    assert not Path("toy").exists()


def test_the_allowance_grows_and_the_rest_has_its_price() -> None:
    data = draws()
    params = outside.Params(beta=4, capacity=6, length=3)
    torch.manual_seed(0)
    loss = outside.build(params, common(data), data).acts[0].phases[0].loss
    for update, free in ((0, 2), (1, 4), (2, 6), (9, 6)):
        terms = loss(update)
        assert torch.allclose(terms["price"], 4 * (terms["kl"] - free).abs())
