"""Walks that keep a class, or do not, where it is known which latent sets the class."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ssavl.latents.draws import draws
from ssavl.latents.priors import Block
from ssavl.latents.space import LatentSpace
from ssavl.metrics.traversal import classes_by_value, contents, kept, kept_summary
from tests.conftest import image_folder, invoke, tiny_overrides
from tests.test_extractor import train

STEPS = 10
SPACE = LatentSpace(
    [
        Block("noise", "noise", "normal", 3),
        Block("code", "code", "uniform", 2),
        Block("category", "category", "categorical", 3),
    ]
)


class Switch:
    """One-pixel images, white where one latent is above a threshold:
    the class is that latent's and no other's.
    """

    latent_space = SPACE
    image_shape = (1, 1, 1)

    def __init__(self, index: int, threshold: float) -> None:
        self.index, self.threshold = index, threshold

    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        return SPACE.sample(n, rng)

    def __call__(self, latents: Tensor) -> Tensor:
        return (latents[:, self.index] > self.threshold).float().view(-1, 1, 1, 1)


def classify(x: Tensor) -> Tensor:
    return x.flatten().long()


def sample(n: int) -> Tensor:
    return SPACE.sample(n, torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("index", "block", "dimension"), [(1, "noise", 1), (3, "code", 0)])
def test_a_latent_that_sets_the_class_is_found_and_every_other_keeps_it(
    index: int, block: str, dimension: int
) -> None:
    shares = kept(Switch(index, 0), classify, sample(50), STEPS)
    for name, own in shares.items():
        expected = torch.ones_like(own)
        if name == block:
            expected[:, dimension] = 0.5  # half of a symmetric walk is on the other side
        assert own.equal(expected), name
    summary = kept_summary(block, shares[block])
    dim = shares[block].shape[1]
    assert summary["worst"] == {"dimension": f"{block}_{dimension}", "kept": 0.5}
    assert summary["mean"] == pytest.approx(1 - 0.5 / dim)


def test_the_class_that_counts_is_that_of_the_latents_as_they_were_drawn() -> None:
    latents = sample(200)
    shares = kept(Switch(0, 1.5), classify, latents, STEPS)["noise"][:, 0]
    above = (torch.linspace(-3, 3, STEPS) > 1.5).float().mean()  # 3 of 10 steps
    torch.testing.assert_close(shares, torch.where(latents[:, 0] > 1.5, above, 1 - above))


def test_a_category_value_holds_the_majority_class_of_its_samples() -> None:
    latents = sample(300)
    block = SPACE.blocks[2]
    counts = classes_by_value(Switch(5 + 1, 0.5), classify, latents, block, 4)
    assert counts.tolist() == [[300, 0, 0, 0], [0, 300, 0, 0], [300, 0, 0, 0]]
    below = (latents[:, 0] <= 1).sum().item()
    table = contents(classes_by_value(Switch(0, 1), classify, latents, block, 2), ["dark", "light"])
    assert table == [
        {"value": k, "class": "dark", "share": pytest.approx(below / 300)} for k in range(3)
    ]


def test_draws_are_the_same_however_they_are_batched() -> None:
    batched = [
        torch.cat(list(draws(SPACE.sample, 601, size, torch.Generator().manual_seed(3))))
        for size in (1, 7, 250, 999)
    ]
    assert all(batch.equal(batched[0]) for batch in batched)
    assert batched[0].shape == (601, SPACE.dim)
    assert max(map(len, draws(SPACE.sample, 601, 50, torch.Generator().manual_seed(3)))) == 50


def test_the_command_measures_every_dimension_and_says_who_judged(data: Path) -> None:
    assert invoke(*train("judge")).exit_code == 0
    arguments = ["--extractor", "judge", "-n", "12", "--steps", "4"]
    result = invoke("evaluate", "traversal", *arguments, "--json", *tiny_overrides())
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found == json.loads((data / "traversal/traversal.json").read_text())
    assert (
        found["extractor"]["weights"] == json.loads(Path("judge/run.json").read_text())["weights"]
    )
    assert found["extractor"]["accuracy"]["test"] > 0
    assert {name: len(block["kept"]) for name, block in found["blocks"].items()} == {
        "noise": 4,
        "code": 2,
    }
    assert [
        value["class"] in ("across", "down", "square") for value in found["categories"]["category"]
    ] == [True] * 3
    again = invoke(
        "evaluate", "traversal", *arguments, "--set", "evaluate-traversal.batch_size=9", "--json"
    )
    assert json.loads(again.stdout) == found
    text = invoke("evaluate", "traversal", *arguments, *tiny_overrides()).stdout
    assert "code_1 " in text
    assert f"noise, worst ({found['blocks']['noise']['worst']['dimension']})" in text
    assert "noise, mean" in text
    other = invoke(
        "evaluate", "traversal", *arguments, "--seed", "9", "--out", "other", *tiny_overrides()
    )
    assert other.exit_code == 0
    assert json.loads(Path("other/traversal.json").read_text())["seed"] == 9


def test_an_extractor_of_other_images_is_refused(data: Path) -> None:
    overrides = tiny_overrides(prepare_data__root="images", prepare_data__image_size=32)
    image_folder(Path("images"), per_class=6)
    assert invoke("prepare-data", "--out", "large", *overrides).exit_code == 0
    assert invoke(*train("judge", "large", iterations=1, decay=0)).exit_code == 0
    result = invoke("evaluate", "traversal", "--extractor", "judge", *tiny_overrides())
    assert result.exit_code == 1
    assert (
        "judge reads (1, 32, 32) images, but data/gan/generator.pt makes (1, 28, 28)"
        in result.stderr
    )
    assert not (data / "traversal").exists()
