"""The command line as a whole: what options say, and that they agree with the parameters."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click
import pytest

from ssavl.cli.images import FORMATS
from ssavl.cli.main import main
from ssavl.cli.parameter import ParameterOption
from ssavl.cli.subject import PRIORS
from ssavl.errors import UserError
from ssavl.latents.priors import Prior
from ssavl.params.file import load_params
from ssavl.params.stages import Params
from ssavl.uses import export
from tests.conftest import invoke

TINY = 1e-9


def commands(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{path}{name} ")
        else:
            yield f"{path}{name}", command


def options(command: click.Command) -> list[click.Option]:
    return [option for option in command.params if isinstance(option, click.Option)]


COMMANDS = dict(commands(main))
OPTIONS = [option for command in COMMANDS.values() for option in options(command)]
OVERRIDES = {option.key: option for option in OPTIONS if isinstance(option, ParameterOption)}
RANGE = (click.IntRange, click.FloatRange)
RANGES = [key for key, option in OVERRIDES.items() if isinstance(option.type, RANGE)]
CHOICES = [key for key, option in OVERRIDES.items() if isinstance(option.type, click.Choice)]


def parameter(key: str) -> tuple[Any, Any]:
    """A parameter's type and its default."""
    *sections, last = key.split(".")
    section: Any = Params
    for name in [*sections, last]:
        field = next(f for n, f in section.model_fields.items() if name in (n, f.alias))
        section = field.annotation
    return field.annotation, field.get_default(call_default_factory=True)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_is_and_shows_its_default(name: str) -> None:
    for option in options(COMMANDS[name]):
        assert option.help is not None, option.name
        assert option.help.endswith("."), option.name
        assert option.help[0].isupper(), option.name
        assert not option.help.startswith("Of "), option.name
        assert "[default" not in option.help, option.name  # show_default says it
        assert option.show_default or not option.to_info_dict()["default"], option.name


@pytest.mark.parametrize("key", OVERRIDES)
def test_an_option_is_named_and_defaults_like_its_parameter(key: str) -> None:
    for option in OPTIONS:
        if isinstance(option, ParameterOption) and option.key == key:
            assert f"--{key.rpartition('.')[2].replace('_', '-')}" in option.opts
            _, default = parameter(key)
            if isinstance(default, list):
                assert option.built_in == tuple(default)
            elif default is not None:
                assert option.built_in == default
            else:
                assert isinstance(option.built_in, str)


@pytest.mark.parametrize("key", CHOICES)
def test_choices_are_the_parameters(key: str) -> None:
    option = OVERRIDES[key]
    kind, _ = parameter(option.key)
    assert get_origin(kind) is Literal
    assert isinstance(option.type, click.Choice)
    assert tuple(option.type.choices) == get_args(kind)


@pytest.mark.parametrize("key", RANGES)
def test_a_range_is_no_stricter_than_the_parameters(key: str) -> None:
    option = OVERRIDES[key]

    def refused(value: float) -> bool:
        try:
            load_params(None, [f"{option.key}={[value] if option.multiple else value}"])
        except UserError:
            return True
        return False

    kind = option.type
    assert isinstance(kind, RANGE)
    step = 1 if isinstance(kind, click.IntRange) else TINY
    for edge, outside in ((kind.min, -step), (kind.max, step)):
        if edge is not None:
            assert refused(edge + outside)
            assert not refused(edge)


def test_what_is_kept_twice_is_the_same() -> None:
    assert export.FORMATS == FORMATS
    assert (*PRIORS, "categorical") == get_args(Prior)


def plan(*arguments: str) -> dict[str, Any]:
    result = invoke(*arguments, "--dry-run", "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["parameters"]


def test_options_go_before_assignments_before_the_file() -> None:
    Path("params.yaml").write_text("seed: 1\ntrain-gan: {iterations: 11, n_critic: 5}\n")
    sets = ("--set", "seed=2", "--set", "train-gan.iterations=22")
    found = plan("train-gan", *sets, "--seed", "3")
    assert (found["seed"], found["iterations"], found["n_critic"]) == (3, 22, 5)


def test_zero_and_repeated_options_count_and_absent_ones_do_not() -> None:
    given = ("--k", "7", "--k", "8", "--temperatures", "0")
    found = plan("evaluate", "likelihood", "--set", "evaluate-likelihood.k=[3]", *given)
    assert (found["k"], found["temperatures"], found["chains"]) == ([7, 8], 0, 8)
    assert plan("evaluate", "likelihood", "--set", "evaluate-likelihood.k=[3]")["k"] == [3]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit-encoders", "--beta", "-1"], "not in the range"),
        (["evaluate", "--split", "train"], "'test', 'validation'"),
        (["train-gan", "--precision", "float16"], "'auto', 'float32', 'bf16'"),
    ],
)
def test_a_value_out_of_range_is_a_bad_option(arguments: list[str], message: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not list(Path().iterdir())


@pytest.mark.slow
def test_help_imports_nothing_large() -> None:
    code = (
        "import sys\n"
        "from ssavl.cli.main import main\n"
        "main(['evaluate', 'models', '--help'], standalone_mode=False)\n"
        "print(sorted({'torch', 'numpy', 'pydantic', 'yaml'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")
