"""``render beside``: several methods on the same images, a row each."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from imageio.v3 import imread

from ssavl.cli import render
from ssavl.uses.render_beside import ROWS
from tests.conftest import invoke, tiny_overrides


def test_the_command_knows_every_figure() -> None:
    assert tuple(ROWS) == render.BESIDE


@pytest.fixture
def trained(data: Path) -> list[str]:
    """NAME=FILE of three methods: one infers no category, one has no encoders."""
    pairs = []
    for name in ("vae", "gmvae", "wgan"):
        pace = tiny_overrides(train__iterations=2, train__batch_size=8)
        result = invoke("train", "--method", name, "--out", name, *pace)
        assert result.exit_code == 0, result.output
        pairs.append(f"{name}={name}/model.pt")
    return pairs


def drawn(figure: str, *arguments: str) -> np.ndarray:
    result = invoke("render", "beside", figure, *arguments, "-o", "own.png", *tiny_overrides())
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == "own.png"
    return np.asarray(imread("own.png"))


def test_a_row_for_each_method_and_the_same_at_each_call(trained: list[str]) -> None:
    two = drawn("reconstructions", *trained[:2])
    assert np.array_equal(two, drawn("reconstructions", *trained[:2]))
    one = drawn("reconstructions", *trained[:1])
    rows = (two.shape[0] - one.shape[0]) / (0.55 * 120)  # inches of a row, dots of an inch
    assert rows == pytest.approx(1, abs=0.05)
    drawn("samples", *trained)
    drawn("categories", *trained)


def test_what_has_no_row_is_refused_by_name(trained: list[str]) -> None:
    for figure, pair, message in (
        ("reconstructions", trained[2], "holds neither encoders"),
        ("samples", "mine=nowhere.pt", "nowhere.pt"),
    ):
        result = invoke("render", "beside", figure, pair, *tiny_overrides())
        assert result.exit_code == 1
        assert message in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1
        assert not Path("beside.png").exists()


def test_json_names_the_file(trained: list[str]) -> None:
    result = invoke("render", "beside", "samples", *trained, "--json", *tiny_overrides())
    assert json.loads(result.stdout) == {"figures": ["beside.png"]}
