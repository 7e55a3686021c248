"""The command line as a whole: what options say, and that they agree with the parameters."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import click
import pytest

from ssavl.cli.images import FORMATS
from ssavl.cli.kinds import FolderOf
from ssavl.cli.main import main
from ssavl.cli.parameter import ParameterOption
from ssavl.cli.subject import PRIORS
from ssavl.errors import UserError
from ssavl.latents.names import Prior
from ssavl.params.data_sets import DATA_SETS
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
    if get_origin(kind) in (Union, UnionType):  # or null
        kind = get_args(kind)[0]
    assert isinstance(option.type, click.Choice)
    if key == "prepare-data.dataset":
        assert tuple(option.type.choices) == tuple(DATA_SETS)
        return
    assert get_origin(kind) is Literal
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


WRONG = {click.Choice: "none such", click.IntRange: "-1000000000", click.FloatRange: "nan"}


def wrong(option: click.Option) -> list[str]:
    """A value that an option cannot take."""
    for kind, value in WRONG.items():
        if isinstance(option.type, kind):
            return [value] * option.nargs
    return [""] * option.nargs


@pytest.mark.parametrize("name", COMMANDS)
def test_a_bad_value_names_its_option_and_exits_with_2(name: str) -> None:
    given = [option for option in options(COMMANDS[name]) if not option.is_flag]
    for option in given:
        result = invoke(*name.split(), option.opts[-1], *wrong(option))
        assert result.exit_code == 2, (option.opts, result.output)
        assert f"Invalid value for '{option.opts[0]}'" in result.stderr, result.stderr
    assert not list(Path().iterdir())


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_what_every_option_takes(name: str) -> None:
    """A range, a choice or a form."""
    for option in options(COMMANDS[name]):
        if option.is_flag:
            continue
        _, text = option.get_help_record(click.Context(COMMANDS[name])) or ("", "")
        form = option.make_metavar(click.Context(COMMANDS[name]))
        assert form != "TEXT", option.opts
        if isinstance(option.type, RANGE):
            assert any(sign in text for sign in "<>") or "finite" in text, text
        if isinstance(option.type, click.Choice):
            assert all(str(choice) in form for choice in option.type.choices)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--set", "seed=x"], "--set"),
        (["--set", "nothing=1"], "--set"),
        (["--iterations", "5", "--set", "train-gan.code_opening.start=3"], ""),
        (["--iterations", "5", "--set", "train-gan.code_opening.start=30"], "--set"),
        (["--iterations", "5"], "--iterations"),
        (["--iterations", "5", "--set", "bta=1"], "--set"),
    ],
)
def test_the_option_that_spoils_the_parameters_is_named(arguments: list[str], named: str) -> None:
    Path("params.yaml").write_text(
        "seed: 1\n" if "--set" in arguments else "train-gan: {code_opening: {start: 100}}\n"
    )
    result = invoke("train-gan", *arguments, "--dry-run")
    assert result.exit_code == (2 if named else 0)
    assert result.stderr.startswith(
        f"Error: invalid value for {named}: params.yaml: " if named else ""
    )
    assert result.stderr.count("\n") == bool(named)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_folder_is_not_named_like_a_file(name: str) -> None:
    """One kind of value says so, whatever the command."""
    for option in options(COMMANDS[name]):
        text = str(option.help).lower()
        if not re.match(r"folder (to write|for|that features)", text):
            continue
        assert isinstance(option.type, FolderOf), option.opts
        for wrong in ("s.zip", "x.png", "t.csv", "m.pt"):
            result = invoke(*name.split(), option.opts[-1], wrong)
            assert result.exit_code == 2
            assert f"'{wrong}' is named like a file" in result.stderr


def test_a_generator_that_nobody_trained_says_how_to_come_by_one() -> None:
    result = invoke("sample", "-o", "images")
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: data/gan/generator.pt does not exist: "
        "run `dvc repro`, or name a generator with --gan\n"
    )


def test_which_parameters_count_is_said_where_it_is_not_plain(data: Path) -> None:
    """Once, with the result; a dry run has it in its plan."""
    Path("sub").mkdir()
    Path("own.yaml").write_text("seed: 1\n")
    arguments = ("sample", "-n", "1", "--gan", str(data / "gan/generator.pt"), "-o", "images")
    here = "no params.yaml here: parameters have their defaults"
    assert invoke(*arguments).stderr == f"{here}\n"
    assert invoke(*arguments, "--params", "own.yaml").stderr == ""
    Path("own.yaml").rename("params.yaml")
    assert invoke(*arguments).stderr == ""
    assert json.loads(invoke(*arguments, "--dry-run", "--json").stdout)["params"] == "params.yaml"
    os.chdir("sub")
    assert invoke(*arguments).stderr == f"{here}; --params ../params.yaml takes that one\n"


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
