"""Parameters: defaults, layers, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ssavl.cli.render import FIGURES as CLI_FIGURES
from ssavl.errors import UserError
from ssavl.params.file import load_params
from ssavl.params.listing import listing
from ssavl.params.stages import FIGURES, Params
from tests.conftest import invoke

ROOT = Path(__file__).parents[1]


def test_the_default_study_is_valid() -> None:
    params = load_params(ROOT / "params.yaml")
    assert params.train_gan.schedule == "two-stage"


def test_the_command_line_knows_the_same_figures() -> None:
    assert CLI_FIGURES == FIGURES


def test_flags_over_overrides_over_file_over_defaults() -> None:
    Path("p.yaml").write_text("seed: 1\ntrain-gan: {iterations: 11, n_critic: 5}\n")
    params = load_params(
        Path("p.yaml"), ["seed=2", "train-gan.iterations=22"], {"seed": 3, "beta": None}
    )
    assert (params.seed, params.train_gan.iterations, params.train_gan.n_critic) == (3, 22, 5)
    assert params.beta == Params().beta


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "train-gan.iteratons=5",
            "unknown parameter 'train-gan.iteratons'; did you mean 'iterations'?",
        ),
        (
            "train-gan.mi_warmup.strat=5",
            "unknown parameter 'train-gan.mi_warmup.strat'; did you mean 'start'?",
        ),
        ("train-gan.code_opening.start=10000000", "code_opening ends at iteration 10000000"),
        ("bta=1", "unknown parameter 'bta'; did you mean 'beta'?"),
        ("zzzzzz=1", "unknown parameter 'zzzzzz'"),
        ("beta=-1", "beta = -1: input should be greater than or equal to 0"),
        ("beta=.inf", "beta = inf: a finite number is needed"),
        ("beta=.nan", "beta = nan: a finite number is needed"),
        ("train-gan.ema_decay=1", "ema_decay = 1: input should be less than 1"),
        ("train-gan.schedule=both", "schedule = 'both': input should be 'two-stage' or"),
        ("train-gan.iterations=abc", "iterations = 'abc': input should be a valid integer"),
        ("seed", "--set 'seed': write it as key=value"),
        ("seed.x=1", "seed = {'x': 1}: input should be a valid integer"),
        ("beta=[", "--set 'beta=[': the value of beta is not YAML"),
    ],
)
def test_bad_parameters_are_one_clear_line(override: str, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        load_params(None, [override])
    assert "\n" not in str(caught.value)


def test_bad_files() -> None:
    with pytest.raises(UserError, match="does not exist"):
        load_params(Path("nowhere.yaml"))
    Path("p.yaml").write_text("seed: [")
    with pytest.raises(UserError, match="not YAML"):
        load_params(Path("p.yaml"))
    Path("p.yaml").write_text("- 1")
    with pytest.raises(UserError, match="sections"):
        load_params(Path("p.yaml"))
    Path("p.yaml").write_text("seed: 1")
    with pytest.raises(UserError, match="not a section"):
        load_params(Path("p.yaml"), ["seed.x=1"])


def test_a_file_goes_before_its_recipe_section_by_section() -> None:
    Path("rest.yaml").write_text(
        "beta: 2\nlatents: {code: 3}\n"
        "train-gan: {n_critic: 5, mi_warmup: {start: 7}, code_opening: {start: 1}}\n"
    )
    Path("p.yaml").write_text(
        "recipe: rest.yaml\nlatents: {}\n"
        "train-gan: {iterations: 11, mi_warmup: {length: 8}, code_opening: {}}\n"
    )
    params = load_params(Path("p.yaml"), ["beta=3"])
    gan = params.train_gan
    assert (params.beta, gan.iterations, gan.n_critic) == (3, 11, 5)
    assert (gan.mi_warmup.start, gan.mi_warmup.length) == (7, 8)
    assert (params.latents.code, gan.code_opening.start) == (3, 0)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("nowhere.yaml", "nowhere.yaml does not exist: p.yaml names it as its recipe"),
        ("p.yaml", "p.yaml is a recipe, and names another"),
        ("../p.yaml", "name a file beside it"),
        ("/etc/passwd", "name a file beside it"),
        ("7", "name a file beside it"),
    ],
)
def test_a_recipe_is_a_file_beside(recipe: str, message: str) -> None:
    Path("p.yaml").write_text(f"recipe: {recipe}\nseed: 1\n")
    with pytest.raises(UserError, match=re.escape(message)):
        load_params(Path("p.yaml"))


def test_every_parameter_says_what_it_takes_and_means() -> None:
    for one in listing(Params()):
        assert one.takes, one
        assert one.meaning, one
        assert not one.meaning.endswith("."), one
        again = load_params(None, [f"{one.key}={json.dumps(one.default)}"])
        assert again.model_dump() == Params().model_dump(), one


def test_a_section_is_listed_with_its_values_here() -> None:
    Path("params.yaml").write_text("train-gan: {n_critic: 5}\n")
    rows = json.loads(invoke("params", "train-gan", "--json").stdout)
    assert {"train-gan.n_critic", "train-gan.mi_warmup.start"} <= {row["key"] for row in rows}
    assert all(row["key"].startswith("train-gan.") for row in rows)
    (row,) = json.loads(invoke("params", "train-gan.n_critic", "--json").stdout)
    assert (row["takes"], row["default"], row["value"]) == (
        "whole number, 1 or more, 1000000000 at most",
        2,
        5,
    )
    assert (
        "= 5  [whole number, 1 or more, 1000000000 at most; default 2]"
        in invoke("params", "train-gan").stdout
    )
    result = invoke("params", "train-gn")
    assert (result.exit_code, "did you mean 'train-gan'?" in result.stderr) == (2, True)
