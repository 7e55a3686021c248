"""No file of a stranger chooses code to run, or a place to write to.

A canary stands wherever a name can: in every record, description and parameter file that a study
has. Whatever loads them, it never sings. The commands come from the command line itself, the places
from the files themselves, so that neither a new command nor a new record needs a new test.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from ssavl.generators.load import load_generator
from ssavl.generators.source import GeneratorSource, WeightsFile
from ssavl.latents.priors import Block
from ssavl.latents.space import LatentSpace
from tests import strangers
from tests.commands import call, commands, loads, tree
from tests.conftest import image_folder, invoke, tiny_overrides
from tests.processes import run, tiny_repository

CANARY = """
from pathlib import Path
import torch
OWNED = Path({owned!r})
OWNED.touch()
class Canary(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.linear = torch.nn.Linear(4, 784)
    def forward(self, z):
        return self.linear(z).sigmoid().view(-1, 1, 28, 28)
def generator(**arguments):
    OWNED.touch()
    return Canary()
"""
LOADERS = {name: command for name, command in commands() if loads(command)}

OPENED: list[str] | None = None


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if OPENED is not None and event == "open" and isinstance(arguments[0], str | Path):
        OPENED.append(str(Path(arguments[0]).resolve()))


sys.addaudithook(_note)


@pytest.fixture
def place(laid_out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of it in the working folder, with code beside everything,
    and loaders that tell when they are reached.
    """
    root = tmp_path / "stranger"
    shutil.copytree(laid_out, root)
    owned = tmp_path / "owned"
    for folder in (root, root / "data", root / "data/encoders", root / "data/gan"):
        (folder / "weights.py").write_text(CANARY.format(owned=str(owned)))
    (root / "canary_module.py").write_text(CANARY.format(owned=str(owned)))
    monkeypatch.setattr(torch.jit, "load", lambda *a, **k: owned.touch())
    monkeypatch.setattr(torch.export, "load", lambda *a, **k: owned.touch())
    monkeypatch.setattr(os, "abort", owned.touch)
    monkeypatch.syspath_prepend(str(root))
    monkeypatch.chdir(root)
    yield root
    sys.modules.pop("canary_module", None)
    sys.modules.pop("weights", None)


def specs(root: Path) -> list[str]:
    return [
        "weights.py:generator",
        "./weights.py:generator",
        f"{root}/weights.py:generator",
        "data/encoders/../weights.py:generator",
        "canary_module:generator",
        "os:abort",
        "model.pt2",
        "model.ts",
        f"{root}/model.ts",
        "weights.py",
    ]


SPECS = ["weights.py:generator", "model.ts"]


def sings(root: Path, arguments: list[str]) -> None:
    """Run a command; the canary stays silent, and what fails fails in one line."""
    before = tree(root)
    result = invoke(*arguments)
    said = f"{' '.join(arguments)}\n{result.output}"
    assert not (root.parent / "owned").exists(), said
    assert result.exception is None or isinstance(result.exception, SystemExit), (
        said,
        result.exc_info,
    )
    assert result.exit_code in (0, 1), said
    if result.exit_code:
        assert result.stderr.splitlines()[-1].startswith("Error: "), said
        assert sum(line.startswith("Error: ") for line in result.stderr.splitlines()) == 1, said
    assert tree(root) == before, said


def planted(
    value: Any, spec: str, wanted: Callable[[str, str], bool], key: str = ""
) -> Iterator[Any]:
    """Copies of nested data, one per text in it that is ``wanted`` (by its key and value),
    which is ``spec`` there.
    """
    if isinstance(value, dict):
        for name, inner in value.items():
            for copy in planted(inner, spec, wanted, str(name)):
                yield {**value, name: copy}
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            for copy in planted(inner, spec, wanted, key):
                yield [*value[:index], copy, *value[index + 1 :]]
    elif isinstance(value, str) and wanted(key, value):
        yield spec


def names_a_place(key: str, value: str) -> bool:
    return "/" in value or "." in value or key in ("path", "gan_ckpt", "root", "module", "file")


def read(path: Path) -> Any:
    if path.suffix == ".pt":
        return torch.load(path, weights_only=True)
    return (
        yaml.safe_load(path.read_text()) if path.suffix == ".yaml" else json.loads(path.read_text())
    )


def write(path: Path, content: Any) -> None:
    if path.suffix == ".pt":
        torch.save(content, path)
    else:
        path.write_text(yaml.safe_dump(content) if path.suffix == ".yaml" else json.dumps(content))


@pytest.mark.parametrize("words", dict(commands()))
def test_every_command_runs_where_nothing_is_planted(place: Path, words: str) -> None:
    """The control: what the tests below call does load what they plant in."""
    before = tree(place)
    result = invoke(*call(words, dict(commands())[words]))
    assert result.exit_code == 0, result.output
    assert tree(place) == before, "it wrote outside its --out"


def records(root: Path, arguments: list[str]) -> list[Path]:
    """Every file of the folder that holds names, and that the command opens."""
    global OPENED
    OPENED = []
    assert invoke(*arguments).exit_code == 0
    opened, OPENED = OPENED, None
    found = {path for path in map(Path, opened) if path.is_relative_to(root) and path.is_file()}
    return sorted(
        path
        for path in found
        if path.suffix in (".pt", ".json", ".yaml") and "written" not in path.parts
    )


@pytest.mark.parametrize("words", LOADERS)
def test_a_name_in_a_file_is_never_code(place: Path, words: str) -> None:
    """Each text in each file that names a place is, in turn, each way of naming code."""
    arguments = call(words, LOADERS[words])
    found = records(place, arguments)
    assert any(path.suffix == ".pt" for path in found), (
        "it loads nothing: call it otherwise in tests/commands.py"
    )
    for path in found:
        content, kept = read(path), path.read_bytes()
        for spec in SPECS:
            for copy in planted(content, spec, names_a_place):
                write(path, copy)
                sings(place, arguments)
        path.write_bytes(kept)


@pytest.mark.parametrize("words", ["reconstruct"])
def test_no_text_at_all_in_a_file_is_code(place: Path, words: str) -> None:
    arguments = call(words, LOADERS[words])
    for path in records(place, arguments):
        content, kept = read(path), path.read_bytes()
        for copy in planted(content, "weights.py:generator", lambda key, value: True):
            write(path, copy)
            sings(place, arguments)
        path.write_bytes(kept)


def with_origin(content: dict[str, Any], origin: dict[str, Any]) -> dict[str, Any]:
    """The content of a file of encoders that says so of its generator."""
    encoders = {**content["parts"]["encoders"], "origin": origin}
    return {**content, "parts": {**content["parts"], "encoders": encoders}}


USES = ["encode", "reconstruct", "invert", "interpolate", "score", "export"]


@pytest.mark.parametrize("words", USES)
@pytest.mark.parametrize("portable", [False, True], ids=["pt", "safetensors"])
@pytest.mark.parametrize(
    "runs_code", [True, False, None], ids=["says-code", "says-none", "says-nothing"]
)
def test_a_record_of_encoders_names_weights_alone(
    place: Path, words: str, portable: bool, runs_code: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the folder itself and from another,
    in a checkpoint and in safetensors with its description.
    """
    if portable:
        assert invoke("export", "--format", "safetensors", "-o", "data/portable").exit_code == 0
        shutil.copy("weights.py", "data/portable/weights.py")
    path = Path("data/portable/encoders.json" if portable else "data/encoders/encoders.pt")
    file = path.with_suffix(".safetensors") if portable else path
    content = read(path)
    arguments = [*call(words, LOADERS[words]), "--encoders"]
    for spec in specs(place):
        origin = {**content["parts"]["encoders"]["origin"], "path": spec, "runs_code": runs_code}
        if runs_code is None:
            del origin["runs_code"]
        write(path, with_origin(content, origin))
        sings(place, [*arguments, str(file)])
    elsewhere = place.parent / "elsewhere"
    elsewhere.mkdir()
    shutil.copy("own.npy", elsewhere)
    monkeypatch.chdir(elsewhere)
    for spec in specs(place):
        os.chdir(place)
        origin = {**content["parts"]["encoders"]["origin"], "path": spec}
        write(path, with_origin(content, origin))
        os.chdir(elsewhere)
        sings(place, [*arguments, str(place / file)])


@pytest.mark.parametrize("words", LOADERS)
def test_parameters_name_weights_alone(place: Path, words: str) -> None:
    for spec in specs(place)[:6]:
        content = read(place / "params.yaml")
        write(place / "params.yaml", {**content, "gan_ckpt": spec})
        sings(place, call(words, LOADERS[words]))
    if "--gan" not in {option for parameter in LOADERS[words].params for option in parameter.opts}:
        return
    result = invoke(*call(words, LOADERS[words]), "--trust")
    assert result.exit_code == 1, "--trust is of the generator that is typed beside it"
    assert "name it with --gan" in result.stderr


def test_what_names_code_says_how_to_run_it(place: Path) -> None:
    for spec, message in (
        (
            "weights.py:generator",
            "gan_ckpt of the parameters names code, weights.py:generator, and no file may choose",
        ),
        ("model.pt2", "type --gan model.pt2 --trust if you know where it comes from"),
    ):
        result = invoke("sample", "-n", "1", "-o", "written/x.npy", "--set", f"gan_ckpt={spec}")
        assert result.exit_code == 1
        assert message in result.stderr
    with pytest.raises(AttributeError):
        assert WeightsFile(Path("weights.py:generator")).factory  # type: ignore[attr-defined]


def test_what_a_person_types_still_runs(
    place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    arguments = ["sample", "-n", "2", "-o", "written/x.npy", "--latent-dim", "4"]
    result = invoke(*arguments, "--gan", "weights.py:generator")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "owned").exists()
    assert load_generator(GeneratorSource("canary_module:generator")).image_shape == (1, 28, 28)
    monkeypatch.undo()
    monkeypatch.chdir(place)
    for kind in ("model.ts", "model.pt2"):
        result = invoke(*arguments, "--gan", kind, "--trust")
        assert result.exit_code == 0, result.output
        monkeypatch.setenv("SSAVL_TRUST_GAN_CKPT", "1")
        result = invoke(*arguments, "--set", f"gan_ckpt={kind}")
        assert result.exit_code == 0, result.output
        monkeypatch.setenv("SSAVL_TRUST_GAN_CKPT", "0")
        assert invoke(*arguments, "--set", f"gan_ckpt={kind}").exit_code == 1
        monkeypatch.setenv("SSAVL_TRUST_GAN_CKPT", "yes")
        assert "set it to 1" in invoke(*arguments, "--set", f"gan_ckpt={kind}").stderr
        monkeypatch.delenv("SSAVL_TRUST_GAN_CKPT")


NAMES = [
    "../../x",
    "/tmp/ssavl-owned",
    "a/b",
    "..",
    ".",
    "",
    "a\\b",
    "x\x00",
    "a\nb",
    "$\\frac$",
    "%s{0}",
]
NAMES += ["values", "a" * 300]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_names_of_blocks_are_a_closed_alphabet_in_a_description(place: Path, name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a block"):
        LatentSpace([Block(name, "noise", "normal", 4)])
    described = {
        "latents": [{"role": "code", "prior": "normal", "dim": 4, "name": name}],
        "output_range": [0, 1],
    }
    write(place / "canary_module.gan.yaml", described)
    flags = ["--gan", "canary_module:generator"]
    before = tree(place.parent)
    for arguments in (
        ["render", "traversal", *flags, "--out", "written/figures"],
        ["sample", *flags, "-n", "2", "-o", "written/x.npy", "--latents", "written/x.npz"],
    ):
        result = invoke(*arguments)
        assert result.exit_code == 1, result.output
        assert result.stderr.count("\n") == 1, result.stderr
        assert tree(place.parent) == before


def names_a_part(key: str, value: str) -> bool:
    """Whether a text is the name of a block or a model."""
    return key == "name" and value in ("noise", "code", "category", "ssavl")


@pytest.mark.parametrize("name", ["../../x", "", "a b", "a" * 300], ids=range(4))
def test_names_of_blocks_and_models_are_a_closed_alphabet_in_checkpoints(
    place: Path, name: str
) -> None:
    left = ["--set", "fit-encoders.start_from=gan"]  # so that every part of the file is read
    for path, words, flags in (
        (place / "data/gan/generator.pt", "fit-encoders", left),
        (place / "data/encoders/encoders.pt", "export", []),
    ):
        content, kept = read(path), path.read_bytes()
        for copy in planted(content, name, names_a_part):
            write(path, copy)
            sings(place, [*call(words, LOADERS[words]), *flags])
            assert not list(Path("written").rglob("*")), "hostile names were taken"
        path.write_bytes(kept)


def test_hostile_names_of_classes_and_files_stay_inside_the_folder_that_is_named(
    place: Path,
) -> None:
    folder = Path("hostile")
    classes = ["$\\frac$", "a\nb", "%2e%2e%2f", "-rf", "é" * 80, "{0}%s"]
    files = ["x\ny", "$HOME", "....", 'a"b', "n" * 240, "\x1b[31mred"]
    rng = np.random.default_rng(0)
    for name in classes:
        (folder / name).mkdir(parents=True)
        for file in files:
            Image.fromarray(rng.integers(0, 256, (28, 28), dtype=np.uint8)).save(
                folder / name / f"{file}.png", format="PNG"
            )
    shutil.rmtree("data/prepared")
    assert (
        invoke("prepare-data", "--root", folder, "--set", "prepare-data.validation=0").exit_code
        == 0
    )
    assert set(json.loads(Path("data/prepared/manifest.json").read_text())["classes"]) == set(
        classes
    )
    before = tree(place)
    for words, command in commands():
        if words == "prepare-data" or words.startswith("evaluate dis"):
            continue
        arguments = [str(folder) if a == "own.npy" else a for a in call(words, command)]
        result = invoke(*arguments)
        assert result.exit_code == 0, f"{words}\n{result.output}"
        assert tree(place) == before, words
    written = [path.name for path in Path("written").rglob("*.png")]
    assert any("n" * 180 in name for name in written)
    assert all(name.isprintable() and len(name.encode()) <= 255 for name in written)


@pytest.mark.slow
def test_repro_runs_no_code_that_the_parameters_name_but_by_the_switch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a shell never sees ``gan_ckpt``: spaces,
    parentheses and worse are part of a file's name.
    """
    images = image_folder(tmp_path / "images")
    repo = tiny_repository(
        tmp_path / "repo", tiny_overrides(prepare_data__root=images, prepare_data__channels=1)
    )
    owned = tmp_path / "owned"
    (repo / "weights.py").write_text(CANARY.format(owned=str(owned)))
    text = (repo / "params.yaml").read_text()
    network = strangers.trained(strangers.MLP(nz=4, side=28))
    name = "my net (1); touch owned; $(touch owned).ts"
    torch.jit.trace(network, torch.randn(2, 4)).save(repo / "model.ts")
    shutil.copy(repo / "model.ts", repo / name)
    (repo / f"{name.split('.')[0]}.gan.yaml").write_text(
        "latents: [{dim: 4}]\noutput_range: [-1, 1]\n"
    )
    for spec in (name, "weights.py:generator"):
        (repo / "params.yaml").write_text(text.replace("data/gan/generator.pt", f"'{spec}'"))
        done = run("dvc", "repro", "-s", "fit-encoders", cwd=repo, check=False)
        assert done.returncode != 0
        assert not owned.exists()
        assert not (repo / "owned").exists()
        assert spec != name or "--trust if you know where it comes from" in done.stderr
    (repo / "params.yaml").write_text(text.replace("data/gan/generator.pt", f"'{name}'"))
    monkeypatch.setenv("SSAVL_TRUST_GAN_CKPT", "1")
    run("dvc", "repro", "-s", "fit-encoders", cwd=repo)
    assert (repo / "data/encoders/encoders.pt").is_file()
    assert not (repo / "owned").exists()
    # A factory is no file that DVC could watch: it stands on the command, its weights among the
    # dependencies.
    monkeypatch.delenv("SSAVL_TRUST_GAN_CKPT")
    stages = yaml.safe_load((repo / "dvc.yaml").read_text())
    fit = stages["stages"]["fit-encoders"]
    fit["cmd"] = (
        "python -m ssavl fit-encoders --gan weights.py:generator --latent-dim 4 --out data/encoders"
    )
    fit["deps"][fit["deps"].index("${gan_ckpt}")] = "weights.py"
    (repo / "dvc.yaml").write_text(yaml.safe_dump(stages))
    (repo / "params.yaml").write_text(text)
    run("dvc", "repro", "-s", "fit-encoders", cwd=repo)
    assert owned.exists()
